"""What commands look at and do, on a server over HTTP."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from chattool import backend
from chattool.cli import http_lookup, http_records, operations
from chattool.cli.command import WrongUsage
from chattool.cli.http_accounts import HttpAccounts
from chattool.http_backend import records, shapes
from chattool.starter import DEFAULT_USER
from db import ids
from db.errors import RequestError, StoreBusy, StoreUnavailable
from db.states import AgentLifecycle, JobStatus, Transition

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from chattool.callers import Caller
    from chattool.cli.operations import (
        Build,
        BuildReport,
        QuotaReport,
        Template,
        Version,
        Workspace,
        WorkspaceDetails,
    )
    from chattool.context import OnChatUpdated
    from chattool.toolset import Toolset
    from db.ids import BuildId, WorkspaceId

T = TypeVar("T")

_LINES = 400
_PAGE = 1000
_MOST_PAGES = 100
_AT_ONCE = 8
_POLL = timedelta(seconds=2)
#: How long a server may be away while a build is followed.
_SILENCE = timedelta(seconds=30)
_RETRY = timedelta(milliseconds=500)
_AT_WORK = frozenset({AgentLifecycle.CREATED, AgentLifecycle.STARTING})


class HttpOperations(HttpAccounts):
    """``Operations`` on a server, as the user of a token; with ``user``, what is looked at is that user's."""

    async def toolset(self, chat: str, *, on_chat_updated: OnChatUpdated | None = None) -> Toolset:
        self._check_own()
        return await self._remote.toolset(chat, on_chat_updated=on_chat_updated)

    def caller(self, *, default_chat: str) -> Caller:
        self._check_own()
        return self._remote.caller(default_chat=default_chat)

    async def templates(self) -> Sequence[Template]:
        listed = await self._connection.get(list[shapes.Template], f"{self._organization}/templates")
        return await _all(self._with_version(each) for each in listed)

    async def template(self, text: str) -> Template:
        found = await http_lookup.template(self._connection, self._remote.organization_id, text)
        return await self._with_version(found, fully=True)

    async def push_template(
        self, folder: Path, *, name: str | None, variables: Mapping[str, str]
    ) -> Template:
        pushed = await self._remote.push_template(folder, name=name, variables=variables)
        return await self._with_version(pushed, fully=True)

    async def workspaces(self, *, everyone: bool) -> Sequence[Workspace]:
        found = await self._workspaces("" if everyone else f"owner:{self._user}")
        owners = {each.owner_id for each in found}
        charged = await _all(self._charges(str(owner)) for owner in owners)
        together = {workspace_id: held for each in charged for workspace_id, held in each.items()}
        return [http_records.workspace(each, together) for each in found]

    async def workspace(self, text: str) -> Workspace:
        found = await http_lookup.workspace(self._connection, self._user, text)
        return http_records.workspace(found, await self._charges(str(found.owner_id)))

    async def workspace_details(self, text: str) -> WorkspaceDetails:
        found = await http_lookup.workspace(self._connection, self._user, text)
        return operations.WorkspaceDetails(
            workspace=http_records.workspace(found, await self._charges(str(found.owner_id))),
            agents=[http_records.agent(each) for each in records.agents_of(found.latest_build)],
        )

    async def build_workspace(
        self, workspace_id: WorkspaceId, transition: Transition, parameters: Mapping[str, str]
    ) -> BuildId:
        actor = backend.Actor(user_id=self._remote.user_id)
        request = backend.CreateBuild(workspace_id=workspace_id, transition=transition, parameters=parameters)
        return (await self._backend.create_build(actor, request)).id

    async def builds(self, workspace: str | None, *, limit: int) -> Sequence[Build]:
        if workspace is not None:
            chosen = [await http_lookup.workspace(self._connection, self._user, workspace, deleted=True)]
        else:
            chosen = await self._workspaces(f"owner:{self._user}")
        listed = await _all(
            self._connection.get(list[shapes.Build], f"/workspaces/{each.id}/builds", limit=limit)
            for each in chosen
        )
        together = sorted((build for builds in listed for build in builds), key=lambda each: each.created_at)
        return await _all(self._with_parameters(each) for each in together[::-1][:limit])

    async def build(self, text: str) -> Build:
        return await self._with_parameters(await http_lookup.build(self._connection, self._user, text))

    async def build_by_id(self, build_id: BuildId) -> Build:
        found = await self._connection.get(shapes.Build, f"/workspacebuilds/{build_id}")
        return await self._with_parameters(found)

    async def build_reports(self, build_id: BuildId) -> AsyncIterator[BuildReport]:
        path, after = f"/workspacebuilds/{build_id}", 0
        parameters = await self._connection.get(list[shapes.NameValue], f"{path}/parameters")
        await self._backend.build(build_id)  # so that its workspace is known, and can be watched
        with self._backend.build_changes(build_id) as changes:
            while True:
                found, lines = await self._patiently(partial(self._standing, path, after))
                build = http_records.build(found, parameters)
                has_more = len(lines) >= _LINES
                yield operations.BuildReport(
                    build=build, lines=[http_records.log_line(line) for line in lines], has_more=has_more
                )
                after = lines[-1].id if lines else after
                if has_more:
                    continue
                if not build.job.status.active:
                    return
                await changes.wait(_POLL)

    async def startup_lines(self, build_id: BuildId) -> AsyncIterator[tuple[str, str]]:
        found = await self._backend.agents(build_id)
        logs = {agent.id: f"/workspaceagents/{agent.id}/logs" for agent in found}
        names = {agent.id: agent.name for agent in found}
        after = dict.fromkeys(logs, 0)
        streams = [*logs.values(), *self._backend.watched(build_id)]
        with self._backend.changes.subscribe(*streams) as changes:
            at_work = bool(logs)
            while at_work:
                # The state before the lines: an agent sends its last line before it says that it is ready.
                states = await self._patiently(partial(self._backend.agents, build_id))
                at_work = any(agent.lifecycle_state in _AT_WORK for agent in states)
                for agent_id, path in logs.items():
                    read = partial(self._connection.get, list[shapes.AgentLog], path, after=after[agent_id])
                    for line in await self._patiently(read):
                        after[agent_id] = line.id
                        yield names[agent_id], line.output
                if at_work:
                    await changes.wait(_POLL)

    async def cancel_build(self, build_id: BuildId) -> JobStatus:
        path = f"/workspacebuilds/{build_id}"
        await self._connection.patch(shapes.Message, f"{path}/cancel", {}, repeatable=False)
        return http_records.build(await self._connection.get(shapes.Build, path)).job.status

    async def quota(self) -> QuotaReport:
        user = await self._connection.get(shapes.User, f"/users/{http_lookup.part(self._user)}")
        actor, owner_id = backend.Actor(user_id=self._remote.user_id), http_records.user(user).id
        statement = await self._backend.quota_statement(
            actor, owner_id, self._remote.organization_id, limit=_PAGE
        )
        charged = {each.workspace_id: each.credits for each in statement.charges}
        found = await self._workspaces(f"owner:{user.username}")
        return operations.QuotaReport(
            username=user.username,
            credits_consumed=statement.quota.credits_consumed,
            budget=statement.quota.budget,
            groups=[(each.name, each.quota_allowance) for each in statement.groups],
            workspaces=[http_records.workspace(each, charged) for each in found],
        )

    async def _standing(self, path: str, after: int) -> tuple[shapes.Build, list[shapes.JobLog]]:
        # The build before its lines: when it has ended, all of them are there.
        found = await self._connection.get(shapes.Build, path)
        logs = f"{path}/logs"
        return found, await self._connection.get(list[shapes.JobLog], logs, after=after, limit=_LINES)

    async def _patiently(self, read: Callable[[], Awaitable[T]]) -> T:
        """What is read, also from a server that is just being started again."""
        clock = self._connection.clock
        deadline = clock.monotonic() + _SILENCE
        while True:
            try:
                return await read()
            except (StoreUnavailable, StoreBusy):
                if clock.monotonic() >= deadline:
                    raise
            await clock.sleep(_RETRY)

    def _check_own(self) -> None:
        if self._user != DEFAULT_USER:
            own = self._remote.user.username
            raise WrongUsage(f"the token calls tools for its own user, {own!r}; leave --user out")

    async def _with_version(self, found: shapes.Template, *, fully: bool = False) -> Template:
        version_id = found.active_version_id
        version = None if version_id is None else await self._version(str(version_id), fully=fully)
        return http_records.template(found, version)

    async def _version(self, version_id: str, *, fully: bool) -> Version:
        path = f"/templateversions/{version_id}"
        found = await self._connection.get(shapes.TemplateVersion, path)
        if not fully or records.is_active(found.job.status):
            return http_records.version(found)
        parameters = await self._connection.get(list[shapes.Parameter], f"{path}/rich-parameters")
        presets = await self._connection.get(list[shapes.Preset], f"{path}/presets")
        return http_records.version(found, parameters, presets)

    async def _with_parameters(self, found: shapes.Build) -> Build:
        path = f"/workspacebuilds/{found.id}/parameters"
        return http_records.build(found, await self._connection.get(list[shapes.NameValue], path))

    async def _workspaces(self, query: str) -> list[shapes.Workspace]:
        found: list[shapes.Workspace] = []
        for _ in range(_MOST_PAGES):
            page = await self._connection.get(
                shapes.Workspaces, "/workspaces", q=query, limit=_PAGE, offset=len(found)
            )
            found += page.workspaces
            if not page.workspaces or len(found) >= page.count:
                break
        return found

    async def _charges(self, owner: str) -> Mapping[WorkspaceId, int]:
        """What the owner's workspaces hold, as far as the user may know."""
        path = f"{self._organization}/members/{owner}/quota-statement"
        try:
            found = await self._connection.get(shapes.Statement, path, limit=_PAGE)
        except RequestError:
            return {}
        return {ids.WorkspaceId(each.workspace_id): each.credits for each in found.charges}


async def _all(calls: Iterable[Awaitable[T]]) -> list[T]:
    """The results in their order, of a few calls at once."""
    free = asyncio.Semaphore(_AT_ONCE)

    async def one(call: Awaitable[T]) -> T:
        async with free:
            return await call

    return await asyncio.gather(*(one(call) for call in calls))
