"""Logs of builds, of imports and of agents: from a cursor, or followed until they end.

Each path answers GET and, with ``follow``, WebSocket.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Query, Response, WebSocket
from pydantic import WithJsonSchema

from chattool.api import event_streams, sight
from chattool.api.builds import visible as visible_build
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.log_follower import PAGE_LINES, LogFollower, LogPage
from chattool.api.models.builds import WorkspaceAgentLog
from chattool.api.models.jobs import ProvisionerJobLog
from chattool.api.requests import integer_of
from chattool.api.services import Services, ServicesOf
from chattool.api.standing import StandingOf
from chattool.api.template_versions import visible as visible_version
from chattool.api.views import jobs as views
from chattool.api.workspace_agents import visible as visible_agent
from chattool.identity import Caller
from db import agents, builds, ids, workspace_details
from db.ids import AgentId, JobId, WorkspaceId
from db.log_bounds import LOG_LIMIT_BYTES
from db.transactions import Connection
from provisioner import joblogs

router = APIRouter(tags=["Logs"], route_class=SignedInFirst)

_MOST_TAIL_LINES = 1000
_MOST_LINES = 100_000
_ALL_LINES = 1 << 62
_Allowed = Callable[[], Awaitable[bool]]
_OFF = frozenset({"false", "0"})


@dataclass(frozen=True, kw_only=True)
class Cursor:
    """From where a log is read, and whether to stay for what comes."""

    after: int
    follow: bool
    limit: int
    """How many lines are answered at most; 0 for all. What is followed has no bound."""


async def _cursor(
    after: Annotated[
        str | None,
        Query(max_length=64, description="Only lines with an id above this one."),
        WithJsonSchema({"type": "integer", "minimum": 0}),
    ] = None,
    follow: Annotated[
        str | None,
        Query(max_length=64, description="Stay for what is added: server-sent events, or WebSocket frames."),
        WithJsonSchema({"type": "boolean"}),
    ] = None,
    limit: Annotated[int, Query(ge=0, le=_MOST_LINES, description="At most so many lines; 0 for all.")] = 0,
    last_event_id: Annotated[
        str | None, Header(max_length=64, description="Sent by browsers that resume a stream.")
    ] = None,
) -> Cursor:
    start = 0 if after is None else integer_of("after", after)
    if last_event_id and last_event_id.isascii() and last_event_id.isdecimal():
        start = integer_of("Last-Event-ID", last_event_id)
    return Cursor(after=start, follow=follow is not None and follow.lower() not in _OFF, limit=limit)


CursorOf = Annotated[Cursor, Depends(_cursor)]


def _documented(line: type[Any]) -> dict[int | str, dict[str, Any]]:
    text = "A list of lines; with `follow` events `log`, each a line with its id, and `done` at the end."
    return {200: {"model": list[line], "description": text, "content": {"text/event-stream": {}}}}  # type: ignore[valid-type]


@router.get(
    "/workspacebuilds/{build}/logs",
    response_class=Response,
    responses=_documented(ProvisionerJobLog),
)
async def build_logs(
    caller: CallerOf,
    services: ServicesOf,
    standing: StandingOf,
    build: UUID,
    cursor: CursorOf,
    tail: Annotated[
        int, Query(ge=0, le=_MOST_TAIL_LINES, description="Only the last so many, at info or above.")
    ] = 0,
) -> Response:
    """The log of a build, oldest line first."""
    build_id = ids.BuildId(build)
    job_id = (await services.store.read(visible_build, caller, build_id)).build.job.id
    if tail and not cursor.follow:
        lines = await services.store.read(builds.log_tail, job_id, limit=tail)
        return _whole([views.log_line(line).model_dump_json() for line in lines])
    allowed = partial(standing.holds, visible_build, build_id)
    return _answer(_job_log(services, job_id, cursor, allowed), cursor, services)


@router.websocket("/workspacebuilds/{build}/logs")
async def follow_build_logs(
    websocket: WebSocket,
    caller: CallerOf,
    services: ServicesOf,
    standing: StandingOf,
    build: UUID,
    cursor: CursorOf,
) -> None:
    """The log of a build, a line in each frame."""
    build_id = ids.BuildId(build)
    job_id = (await services.store.read(visible_build, caller, build_id)).build.job.id
    allowed = partial(standing.holds, visible_build, build_id)
    log = _job_log(services, job_id, cursor, allowed)
    await event_streams.send_log(websocket, log, limit=services.unread_limit)


@router.get(
    "/templateversions/{version}/logs",
    response_class=Response,
    responses=_documented(ProvisionerJobLog),
)
async def version_logs(
    caller: CallerOf, services: ServicesOf, standing: StandingOf, version: UUID, cursor: CursorOf
) -> Response:
    """The log of the import of a template version, oldest line first."""
    version_id = ids.TemplateVersionId(version)
    job_id = (await services.store.read(visible_version, caller, version_id)).version.job_id
    allowed = partial(standing.holds, visible_version, version_id)
    return _answer(_job_log(services, job_id, cursor, allowed), cursor, services)


@router.websocket("/templateversions/{version}/logs")
async def follow_version_logs(
    websocket: WebSocket,
    caller: CallerOf,
    services: ServicesOf,
    standing: StandingOf,
    version: UUID,
    cursor: CursorOf,
) -> None:
    """The log of the import of a template version, a line in each frame."""
    version_id = ids.TemplateVersionId(version)
    job_id = (await services.store.read(visible_version, caller, version_id)).version.job_id
    allowed = partial(standing.holds, visible_version, version_id)
    log = _job_log(services, job_id, cursor, allowed)
    await event_streams.send_log(websocket, log, limit=services.unread_limit)


@router.get(
    "/workspaceagents/{agent}/logs",
    response_class=Response,
    responses=_documented(WorkspaceAgentLog),
)
async def agent_logs(
    caller: CallerOf, services: ServicesOf, standing: StandingOf, agent: UUID, cursor: CursorOf
) -> Response:
    """What an agent's start-up script wrote, oldest line first."""
    found = await services.store.read(visible_agent, caller, ids.AgentId(agent))
    allowed = partial(standing.holds, _check_workspace, found.workspace_id)
    return _answer(_agent_log(services, found.id, cursor, allowed), cursor, services)


@router.websocket("/workspaceagents/{agent}/logs")
async def follow_agent_logs(
    websocket: WebSocket,
    caller: CallerOf,
    services: ServicesOf,
    standing: StandingOf,
    agent: UUID,
    cursor: CursorOf,
) -> None:
    """What an agent's start-up script writes, a line in each frame, as long as there is the agent."""
    found = await services.store.read(visible_agent, caller, ids.AgentId(agent))
    allowed = partial(standing.holds, _check_workspace, found.workspace_id)
    log = _agent_log(services, found.id, cursor, allowed)
    await event_streams.send_log(websocket, log, limit=services.unread_limit)


def _answer(follower: LogFollower, cursor: Cursor, services: Services) -> Response:
    limit = services.unread_limit
    if cursor.follow:
        return event_streams.event_stream(event_streams.log_events(follower, services.clock), limit=limit)
    return event_streams.ReadStream(_array(follower.read, cursor), limit=limit, media_type="application/json")


def _whole(lines: list[str]) -> Response:
    return Response(f"[{','.join(lines)}]", media_type="application/json")


async def _array(read: Callable[[int], Awaitable[LogPage]], cursor: Cursor) -> AsyncIterator[str]:
    """A JSON list, page by page, so that no log has to fit into memory."""
    opening, after, left = "[", cursor.after, cursor.limit or _ALL_LINES
    while left:
        page = await read(after)
        if page.lines:
            after = page.lines[-1].id
            yield opening + ",".join(line.model_dump_json() for line in page.lines[:left])
            opening = ","
        if not page.full:
            break
        left -= min(left, len(page.lines))
    yield "]" if opening == "," else "[]"


def _job_log(services: Services, job_id: JobId, cursor: Cursor, allowed: _Allowed) -> LogFollower:
    async def read(after: int) -> LogPage:
        return await services.store.read(_job_page, job_id, after)

    return LogFollower(services, [joblogs.topic(job_id)], read, after=cursor.after, allowed=allowed)


def _agent_log(services: Services, agent_id: AgentId, cursor: Cursor, allowed: _Allowed) -> LogFollower:
    async def read(after: int) -> LogPage:
        return await services.store.read(_agent_page, agent_id, after)

    return LogFollower(services, [agents.topic(agent_id)], read, after=cursor.after, allowed=allowed)


def _check_workspace(conn: Connection, caller: Caller, workspace_id: WorkspaceId) -> None:
    # Not of the agent itself: that it was replaced is the end of its log.
    sight.check_workspace(caller, workspace_details.workspace(conn, workspace_id))


def _job_page(conn: Connection, job_id: JobId, after: int) -> LogPage:
    ended = not builds.job(conn, job_id).status.active
    lines = builds.logs(conn, job_id, after=after, limit=PAGE_LINES)
    full = len(lines) == PAGE_LINES
    return LogPage(lines=[views.log_line(line) for line in lines], full=full, ended=ended)


def _agent_page(conn: Connection, agent_id: AgentId, after: int) -> LogPage:
    ended = agents.agent(conn, agent_id) is None
    lines = agents.logs(conn, agent_id, after=after, limit=PAGE_LINES)
    shown = [
        WorkspaceAgentLog(id=line.id, created_at=line.created_at, level=line.level, output=line.output)
        for line in lines
    ]
    full = len(lines) == PAGE_LINES or sum(len(line.output) for line in lines) > LOG_LIMIT_BYTES
    return LogPage(lines=shown, full=full, ended=ended)
