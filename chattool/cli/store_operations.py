"""What commands look at and do, on a database."""

from __future__ import annotations

from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from chattool.backend import CreateBuild
from chattool.cli import lookup, operations, store_records
from chattool.cli.store_accounts import StoreAccounts
from chattool.settings import ToolSettings
from db import agents, builds, templates, users, workspaces
from db.states import AgentLifecycle, Transition
from provisioner import cancel
from quota import workspace_quota
from quota.charges import charges

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from pathlib import Path

    from chattool.callers import Caller
    from chattool.cli.operations import (
        Build,
        BuildReport,
        QuotaReport,
        Template,
        Workspace,
        WorkspaceDetails,
    )
    from chattool.context import OnChatUpdated
    from chattool.engine import Engine
    from chattool.toolset import Toolset
    from db.ids import AgentId, BuildId, OrganizationId, UserId, WorkspaceId
    from db.records import User
    from db.states import JobStatus
    from db.transactions import Connection

_LINES = 400
_POLL = timedelta(seconds=2)
_AT_WORK = frozenset({AgentLifecycle.CREATED, AgentLifecycle.STARTING})


class StoreOperations(StoreAccounts):
    """``Operations`` on an open database. Whether anybody works on builds is another matter."""

    @cached_property
    def _engine(self) -> Engine:
        """What makes builds and has the tools; those who only look need not load it."""
        from chattool.engine import Engine
        from provisioner.settings import ProvisionerSettings

        return Engine(
            self._store,
            self._organization,
            self._user,
            provisioner_settings=ProvisionerSettings(),
            tool_settings=ToolSettings(),
        )

    async def toolset(self, chat: str, *, on_chat_updated: OnChatUpdated | None = None) -> Toolset:
        return await self._engine.toolset(chat, on_chat_updated=on_chat_updated)

    def caller(self, *, default_chat: str) -> Caller:
        return self._engine.caller(default_chat=default_chat)

    async def templates(self) -> Sequence[Template]:
        return await self._store.read(_templates, self._organization_id)

    async def template(self, text: str) -> Template:
        return await self._store.read(_template, self._organization_id, text)

    async def push_template(
        self, folder: Path, *, name: str | None, variables: Mapping[str, str]
    ) -> Template:
        pushed = await self._engine.push_template(folder, name=name, variables=variables)
        return await self._store.read(_template, self._organization_id, str(pushed.id))

    async def workspaces(self, *, everyone: bool) -> Sequence[Workspace]:
        owner_id = None if everyone else self._user.id
        return await self._store.read(_workspaces, self._organization_id, owner_id)

    async def workspace(self, text: str) -> Workspace:
        return await self._store.read(_workspace, self._organization_id, self._user.username, text)

    async def workspace_details(self, text: str) -> WorkspaceDetails:
        return await self._store.read(_details, self._organization_id, self._user.username, text)

    async def build_workspace(
        self, workspace_id: WorkspaceId, transition: Transition, parameters: Mapping[str, str]
    ) -> BuildId:
        backend = self._engine.backend
        actor = await backend.as_owner(self._user.id)
        request = CreateBuild(workspace_id=workspace_id, transition=transition, parameters=parameters)
        return (await backend.create_build(actor, request)).id

    async def builds(self, workspace: str | None, *, limit: int) -> Sequence[Build]:
        return await self._store.read(_recent, self._user, workspace, limit)

    async def build(self, text: str) -> Build:
        return await self._store.read(_build, self._user.username, text)

    async def build_by_id(self, build_id: BuildId) -> Build:
        return await self._store.read(_build_by_id, build_id)

    async def build_reports(self, build_id: BuildId) -> AsyncIterator[BuildReport]:
        after = 0
        with self._store.wakeups.subscribe(builds.topic(build_id)) as changes:
            while True:
                report = await self._store.read(_report, build_id, after)
                yield report
                if report.lines:
                    after = report.lines[-1].id
                if report.has_more:
                    continue
                if not report.build.job.status.active:
                    return
                await changes.wait(_POLL)

    async def startup_lines(self, build_id: BuildId) -> AsyncIterator[tuple[str, str]]:
        store = self._store
        found = await store.read(agents.of_build, build_id)
        after: dict[AgentId, int] = dict.fromkeys((agent.id for agent in found), 0)
        with store.wakeups.subscribe(*map(agents.topic, after)) as changes:
            at_work = bool(after)
            while at_work:
                # The state before the lines: an agent sends its last line before it says that it is ready.
                states = await store.read(agents.of_build, build_id)
                at_work = any(agent.lifecycle_state in _AT_WORK for agent in states)
                for agent in found:
                    for line in await store.read(agents.logs, agent.id, after=after[agent.id]):
                        after[agent.id] = line.id
                        yield agent.name, line.output
                if at_work:
                    await changes.wait(_POLL)

    async def cancel_build(self, build_id: BuildId) -> JobStatus:
        return await self._store.write(cancel.cancel_build, self._user, build_id)

    async def quota(self) -> QuotaReport:
        return await self._store.read(_quota, self._user, self._organization_id)


def _templates(conn: Connection, organization_id: OrganizationId) -> list[Template]:
    return [store_records.template(conn, each) for each in templates.listed(conn, organization_id)]


def _template(conn: Connection, organization_id: OrganizationId, text: str) -> Template:
    return store_records.template(conn, lookup.template(conn, organization_id, text))


def _workspaces(
    conn: Connection, organization_id: OrganizationId, owner_id: UserId | None
) -> list[Workspace]:
    charged = dict(charges(conn, organization_id))
    return [
        store_records.workspace(conn, each, charged)
        for each in workspaces.listed(conn)
        if owner_id in {None, each.owner_id}
    ]


def _workspace(conn: Connection, organization_id: OrganizationId, user: str, text: str) -> Workspace:
    found = lookup.workspace(conn, user, text)
    return store_records.workspace(conn, found, dict(charges(conn, organization_id)))


def _details(conn: Connection, organization_id: OrganizationId, user: str, text: str) -> WorkspaceDetails:
    found = _workspace(conn, organization_id, user, text)
    limit = ToolSettings().agent_inactive_timeout
    return operations.WorkspaceDetails(
        workspace=found,
        agents=[
            operations.Agent(
                id=agent.id,
                name=agent.name,
                connection=agent.connection(conn.now, limit),
                lifecycle_state=agent.lifecycle_state,
                last_connected_at=agent.last_connected_at,
            )
            for agent in agents.of_build(conn, found.latest.id)
        ],
        directory=store_records.local_directory(conn, builds.build(conn, found.latest.id)),
    )


def _recent(conn: Connection, user: User, workspace: str | None, limit: int) -> list[Build]:
    if workspace is not None:
        chosen = [lookup.workspace(conn, user.username, workspace, deleted=True)]
    else:
        chosen = [each for each in workspaces.listed(conn) if each.owner_id == user.id]
    found = [
        store_records.build(build, each)
        for each in chosen
        for build in builds.listed(conn, each.id, limit=limit)
    ]
    return sorted(found, key=lambda build: build.created_at, reverse=True)[:limit]


def _build(conn: Connection, user: str, text: str) -> Build:
    return store_records.queued_build(conn, lookup.build(conn, user, text))


def _build_by_id(conn: Connection, build_id: BuildId) -> Build:
    return store_records.queued_build(conn, builds.build(conn, build_id))


def _report(conn: Connection, build_id: BuildId, after: int) -> BuildReport:
    found = builds.build(conn, build_id)
    lines = builds.logs(conn, found.job.id, after=after, limit=_LINES)
    build = store_records.queued_build(conn, found)
    return operations.BuildReport(build=build, lines=lines, has_more=len(lines) == _LINES)


def _quota(conn: Connection, user: User, organization_id: OrganizationId) -> QuotaReport:
    quota = workspace_quota(conn, user.id, organization_id)
    return operations.QuotaReport(
        username=user.username,
        credits_consumed=quota.credits_consumed,
        budget=quota.budget,
        groups=[
            (each.name, each.quota_allowance) for each in users.groups_of_user(conn, user.id, organization_id)
        ],
        workspaces=_workspaces(conn, organization_id, user.id),
    )
