"""The workspace backend over the HTTP API of a server."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections import OrderedDict
from typing import TYPE_CHECKING

from chattool import backend
from chattool.http_backend import records, shapes
from chattool.http_backend.changes import Changes
from chattool.http_backend.inspection import HttpInspection
from chattool.http_backend.problems import NotSent
from chattool.workspace_calls import LONGEST_CALL, AgentCallLost, answer_of, encoded
from db import ids
from db.errors import RequestError, StoreUnavailable
from db.states import LogLevel

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta
    from uuid import UUID

    from chattool.backend import Actor, Agent, Build, CreateBuild, CreateWorkspace, LogLine, Workspace
    from chattool.http_backend.connection import ApiConnection
    from db.ids import AgentId, BuildId, TemplateId, TemplateVersionId, UserId, WorkspaceId
    from db.wakeups import Subscription

_KEY = re.compile(r"[\x21-\x7e]{1,200}")
_MOST_REMEMBERED = 10_000
_QUIET = frozenset({LogLevel.TRACE, LogLevel.DEBUG})


class HttpBackend(HttpInspection):
    """``WorkspaceBackend`` on a server. Who acts is whose token it is; the server checks what they may do."""

    can_create = True
    can_start = True
    can_stop = True
    can_read_quota = True
    can_connect_agents = True

    def __init__(self, connection: ApiConnection) -> None:
        super().__init__(connection)
        self.changes = Changes(connection)
        self._workspaces: OrderedDict[UUID, WorkspaceId] = OrderedDict()
        """Which workspace a build or an agent belongs to, as far as answers have told."""

    async def as_owner(self, owner_id: UserId) -> Actor:
        found = await self.connection.get(shapes.User, f"/users/{owner_id}")
        if found.status not in {"active", "dormant"}:
            raise RequestError(403, f"the owner is {found.status}")
        return backend.Actor(user_id=ids.UserId(found.id), roles=tuple(role.name for role in found.roles))

    async def create_workspace(
        self, actor: Actor, request: CreateWorkspace
    ) -> tuple[Workspace, BuildId | None]:
        body = {
            "template_id": request.template_id,
            "name": request.name,
            "ttl_ms": None if request.ttl is None else round(request.ttl.total_seconds() * 1000),
            **_values(request.parameters, request.preset_id),
        }
        found = await self.connection.post(
            shapes.Workspace,
            f"/users/{actor.user_id}/workspaces",
            _present(body),
            key=_key(request.idempotency_key),
        )
        self._remember(found.latest_build)
        return records.workspace(found), ids.BuildId(found.latest_build.id)

    async def create_build(self, actor: Actor, request: CreateBuild) -> Build:  # noqa: ARG002 - the token's
        body = {"transition": request.transition, **_values(request.parameters, request.preset_id)}
        if request.use_active_version:
            found = await self._workspace(request.workspace_id)
            template = await self.connection.get(shapes.Template, f"/templates/{found.template_id}")
            body["template_version_id"] = template.active_version_id
        made = await self.connection.post(
            shapes.Build,
            f"/workspaces/{request.workspace_id}/builds",
            _present(body),
            key=_key(request.idempotency_key),
        )
        return self._known(made)

    async def workspace(self, workspace_id: WorkspaceId) -> Workspace:
        return records.workspace(await self._workspace(workspace_id))

    async def build(self, build_id: BuildId) -> Build:
        return self._known(await self._build(build_id))

    async def builds_by_id(self, build_ids: Sequence[BuildId]) -> Mapping[BuildId, Build]:
        # Coder's API answers one build at a time.
        reads = (self.build(build_id) for build_id in build_ids)
        found = await asyncio.gather(*reads, return_exceptions=True)
        return {each.id: each for each in found if not isinstance(each, BaseException)}

    async def build_log_tail(self, build_id: BuildId, *, limit: int) -> Sequence[LogLine]:
        path = f"/workspacebuilds/{build_id}/logs"
        lines = await self.connection.get(list[shapes.JobLog], path, tail=limit)
        # Coder's servers do not know of tails, and answer everything.
        shown = [line for line in lines if line.log_level not in _QUIET]
        return [records.build_line(line) for line in shown[-limit:]]

    async def agents(self, build_id: BuildId) -> Sequence[Agent]:
        found = await self._build(build_id)
        self._remember(found)
        return [records.agent(each) for each in records.agents_of(found)]

    async def template(self, actor: Actor, template_id: TemplateId) -> backend.Template:  # noqa: ARG002
        return records.template(await self.connection.get(shapes.Template, f"/templates/{template_id}"))

    async def template_version(self, actor: Actor, version_id: TemplateVersionId) -> backend.TemplateVersion:  # noqa: ARG002
        path = f"/templateversions/{version_id}"
        return records.template_version(await self.connection.get(shapes.TemplateVersion, path))

    async def agent_call(
        self,
        actor: Actor,  # noqa: ARG002
        agent_id: AgentId,
        method: str,
        request: Mapping[str, object],
        *,
        timeout: timedelta,
    ) -> Mapping[str, object]:
        encoded(request)  # too large is told without sending it
        timeout = min(timeout, LONGEST_CALL)
        body = {"method": method, "request": request, "timeout_ms": round(timeout.total_seconds() * 1000)}
        try:
            answer = await self.connection.ask(f"/workspaceagents/{agent_id}/calls", body, patience=timeout)
        except NotSent:
            raise
        except StoreUnavailable as error:
            raise AgentCallLost(f"{error}; what was done in the workspace is unknown") from error
        return answer_of(answer.decode(errors="replace"))

    def build_changes(self, build_id: BuildId) -> AbstractContextManager[Subscription]:
        return self.changes.subscribe(f"/workspacebuilds/{build_id}/logs", *self.watched(build_id))

    def agent_changes(self, agent_id: AgentId) -> AbstractContextManager[Subscription]:
        return self.changes.subscribe(*(self.watched(agent_id) or [f"/workspaceagents/{agent_id}/logs"]))

    def watched(self, part: UUID) -> list[str]:
        """The stream of the workspace that a build or an agent belongs to, once that is known."""
        workspace_id = self._workspaces.get(part)
        return [] if workspace_id is None else [f"/workspaces/{workspace_id}/watch"]

    async def _workspace(self, workspace_id: WorkspaceId) -> shapes.Workspace:
        path = f"/workspaces/{workspace_id}"
        found = await self.connection.get(shapes.Workspace, path, include_deleted="true")
        self._remember(found.latest_build)
        return found

    async def _build(self, build_id: BuildId) -> shapes.Build:
        return await self.connection.get(shapes.Build, f"/workspacebuilds/{build_id}")

    def _known(self, found: shapes.Build) -> Build:
        self._remember(found)
        return records.build(found)

    def _remember(self, found: shapes.Build) -> None:
        for each in (found.id, *(agent.id for agent in records.agents_of(found))):
            self._workspaces[each] = ids.WorkspaceId(found.workspace_id)
        while len(self._workspaces) > _MOST_REMEMBERED:
            self._workspaces.popitem(last=False)


def _values(parameters: Mapping[str, str], preset_id: object) -> dict[str, object]:
    return {
        "rich_parameter_values": [{"name": name, "value": value} for name, value in parameters.items()],
        "template_version_preset_id": preset_id,
    }


def _present(body: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in body.items() if value is not None}


def _key(given: str | None) -> str:
    """What makes a lost answer harmless: the caller's key in the characters of a header, or a new one."""
    if given is None:
        return str(ids.new_id())
    return given if _KEY.fullmatch(given) else hashlib.sha256(given.encode(errors="replace")).hexdigest()
