"""The workspace backend on our own database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool import backend
from chattool.engine import records
from chattool.engine.agent_calls import StoreAgentCalls
from chattool.engine.inspection import StoreInspection
from db import agents, builds, users, workspaces
from db.errors import RequestError
from provisioner import builds as builder
from provisioner.build_requests import BuildRequest, Initiator, WorkspaceRequest
from quota import budget

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from chattool.backend import Actor, Agent, Build, CreateBuild, CreateWorkspace, LogLine, Quota, Workspace
    from db.ids import AgentId, BuildId, OrganizationId, TemplateId, TemplateVersionId, UserId, WorkspaceId
    from db.transactions import Connection, Store
    from db.wakeups import Subscription
    from provisioner.settings import ProvisionerSettings


class EngineBackend(StoreInspection):
    """``WorkspaceBackend`` on an open store."""

    can_create = True
    can_start = True
    can_stop = True
    can_read_quota = True
    can_connect_agents = True

    def __init__(
        self, store: Store, settings: ProvisionerSettings, *, agent_inactive_timeout: timedelta
    ) -> None:
        super().__init__(store, settings)
        self._agent_inactive_timeout = agent_inactive_timeout
        self._agent_calls = StoreAgentCalls(store, inactive_timeout=agent_inactive_timeout)

    async def as_owner(self, owner_id: UserId) -> Actor:
        owner = await self.store.read(users.user, owner_id)
        if owner is None or owner.deleted:
            raise RequestError(403, "the owner does not exist")
        if not owner.active:
            raise RequestError(403, f"the owner is {owner.status}")
        return backend.Actor(user_id=owner.id, roles=tuple(owner.roles))

    async def create_workspace(
        self, actor: Actor, request: CreateWorkspace
    ) -> tuple[Workspace, BuildId | None]:
        wanted = WorkspaceRequest(
            owner_id=actor.user_id,
            organization_id=request.organization_id,
            template_id=request.template_id,
            name=request.name,
            ttl_ms=None if request.ttl is None else round(request.ttl.total_seconds() * 1000),
            parameters=request.parameters,
            preset_id=request.preset_id,
            idempotency_key=request.idempotency_key,
        )
        workspace_id, build_id = await builder.made(
            lambda: self.store.write(builder.create_workspace, _initiator(actor), wanted)
        )
        return await self.workspace(workspace_id), build_id

    async def create_build(self, actor: Actor, request: CreateBuild) -> Build:
        wanted = BuildRequest(
            workspace_id=request.workspace_id,
            transition=request.transition,
            use_active_version=request.use_active_version,
            parameters=request.parameters,
            preset_id=request.preset_id,
            idempotency_key=request.idempotency_key,
        )
        build_id = await builder.made(
            lambda: self.store.write(builder.create_build, _initiator(actor), wanted)
        )
        return await self.build(build_id)

    async def workspace(self, workspace_id: WorkspaceId) -> Workspace:
        found = await self.store.read(workspaces.workspace, workspace_id)
        return backend.Workspace(
            id=found.id,
            name=found.name,
            owner_id=found.owner_id,
            owner_name=found.owner_name,
            organization_id=found.organization_id,
            template_id=found.template_id,
            template_name=found.template_name,
            deleted=found.deleted,
            latest_build_id=found.latest_build_id,
        )

    async def build(self, build_id: BuildId) -> Build:
        return await self.store.read(records.build, build_id, self._settings)

    async def builds_by_id(self, build_ids: Sequence[BuildId]) -> Mapping[BuildId, Build]:
        return await self.store.read(records.builds_by_id, build_ids, self._settings)

    async def build_log_tail(self, build_id: BuildId, *, limit: int) -> Sequence[LogLine]:
        return await self.store.read(_log_tail, build_id, limit)

    async def agents(self, build_id: BuildId) -> Sequence[Agent]:
        return await self.store.read(_agents, build_id, self._agent_inactive_timeout)

    async def template(self, actor: Actor, template_id: TemplateId) -> backend.Template:  # noqa: ARG002 - templates are open to all members
        return await self.store.read(records.template, template_id)

    async def template_version(self, actor: Actor, version_id: TemplateVersionId) -> backend.TemplateVersion:  # noqa: ARG002 - as above
        return await self.store.read(records.template_version, version_id)

    async def quota(self, actor: Actor, owner_id: UserId, organization_id: OrganizationId) -> Quota:  # noqa: ARG002 - one's own
        found = await self.store.read(
            budget.workspace_quota, owner_id, organization_id, enforced=self._settings.quota_enforced
        )
        return backend.Quota(credits_consumed=found.credits_consumed, budget=found.budget)

    async def agent_call(
        self,
        actor: Actor,
        agent_id: AgentId,
        method: str,
        request: Mapping[str, object],
        *,
        timeout: timedelta,
    ) -> Mapping[str, object]:
        return await self._agent_calls.agent_call(actor, agent_id, method, request, timeout=timeout)

    def build_changes(self, build_id: BuildId) -> AbstractContextManager[Subscription]:
        return self.store.wakeups.subscribe(builds.topic(build_id))

    def agent_changes(self, agent_id: AgentId) -> AbstractContextManager[Subscription]:
        return self.store.wakeups.subscribe(agents.topic(agent_id))


def _initiator(actor: Actor) -> Initiator:
    return Initiator(id=actor.user_id, roles=actor.roles)


def _log_tail(conn: Connection, build_id: BuildId, limit: int) -> list[LogLine]:
    job_id = builds.build(conn, build_id).job.id
    return [records.log_line(line) for line in builds.log_tail(conn, job_id, limit=limit)]


def _agents(conn: Connection, build_id: BuildId, inactive_timeout: timedelta) -> list[Agent]:
    return [
        backend.Agent(
            id=agent.id,
            name=agent.name,
            parent_id=agent.parent_id,
            display_order=agent.display_order,
            connection=agent.connection(conn.now, inactive_timeout),
            lifecycle_state=agent.lifecycle_state,
            ever_connected=agent.first_connected_at is not None,
            external=agent.external,
        )
        for agent in agents.of_build(conn, build_id)
    ]
