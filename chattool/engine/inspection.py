"""The reads of the read-only tools on our own database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from chattool import backend, inspection_backend
from chattool.engine import records
from db import agents, builds, template_usage, templates, users, workspaces
from db.errors import NotFound, RequestError
from db.ids import PresetId
from provisioner import documents
from provisioner.build_requests import ADMINISTRATOR, AUDITOR, TEMPLATE_ADMINISTRATOR
from quota import budget, charges

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.backend import Actor, Template
    from chattool.inspection_backend import AgentLog, BuildLog, Preset, QuotaStatement
    from db.ids import AgentId, BuildId, OrganizationId, TemplateId, TemplateVersionId, UserId, WorkspaceId
    from db.records import TemplateUsage
    from db.transactions import Connection, Store
    from provisioner.protocol import Parameter
    from provisioner.settings import ProvisionerSettings

_REMOVED_LATELY = timedelta(days=60)
_SEES_ALL_WORKSPACES = frozenset({ADMINISTRATOR, AUDITOR})
_SEES_SOURCES = frozenset({ADMINISTRATOR, TEMPLATE_ADMINISTRATOR})


class StoreInspection:
    """``InspectionBackend`` on an open store. Templates are open to all members."""

    evaluates_defaults = False

    def __init__(self, store: Store, settings: ProvisionerSettings) -> None:
        self.store = store
        self.clock = store.clock
        self._settings = settings

    async def organization_templates(
        self,
        actor: Actor,  # noqa: ARG002 - open to all
        organization_id: OrganizationId,
    ) -> Sequence[Template]:
        found = await self.store.read(templates.listed, organization_id)
        return [
            records.template_record(each, each.active_version_id) for each in found if each.active_version_id
        ]

    async def template_usage(
        self,
        actor: Actor,  # noqa: ARG002 - counts only
        owner_id: UserId,
        organization_id: OrganizationId,
    ) -> Mapping[TemplateId, TemplateUsage]:
        since = self.clock.now() - _REMOVED_LATELY
        return await self.store.read(template_usage.usage, owner_id, organization_id, removed_after=since)

    async def template_parameters(self, actor: Actor, version_id: TemplateVersionId) -> Sequence[Parameter]:  # noqa: ARG002
        version = await self.store.read(templates.version, version_id)
        return [documents.parameter_from(document) for document in version.parameters]

    async def template_presets(self, actor: Actor, version_id: TemplateVersionId) -> Sequence[Preset]:  # noqa: ARG002
        version = await self.store.read(templates.version, version_id)
        return [_preset(document) for document in version.presets]

    async def preset_parameters(
        self,
        actor: Actor,  # noqa: ARG002
        version_id: TemplateVersionId,
    ) -> Mapping[PresetId, Mapping[str, str]]:
        version = await self.store.read(templates.version, version_id)
        return {
            _preset(document).id: documents.preset_from(document).parameters for document in version.presets
        }

    async def template_archive(self, actor: Actor, version_id: TemplateVersionId) -> bytes:
        if not _SEES_SOURCES & set(actor.roles):
            raise RequestError(403, "only template administrators may read the source of a template")
        return await self.store.read(_archive, version_id)

    async def build_log(self, actor: Actor, build_id: BuildId, *, after: int, limit: int) -> BuildLog:
        return await self.store.read(_build_log, actor, build_id, self._settings, after=after, limit=limit)

    async def agent_log(self, actor: Actor, agent_id: AgentId, *, after: int, limit: int) -> AgentLog:
        return await self.store.read(_agent_log, actor, agent_id, after=after, limit=limit)

    async def quota_statement(
        self,
        actor: Actor,  # noqa: ARG002 - one's own
        owner_id: UserId,
        organization_id: OrganizationId,
        *,
        limit: int,
    ) -> QuotaStatement:
        enforced = self._settings.quota_enforced
        return await self.store.read(_statement, owner_id, organization_id, enforced=enforced, limit=limit)


def _preset(document: Mapping[str, object]) -> Preset:
    found = documents.preset_from(document)
    return inspection_backend.Preset(
        id=PresetId(UUID(str(document["id"]))),
        name=found.name,
        default=found.default,
        description=found.description,
        icon=found.icon,
    )


def _archive(conn: Connection, version_id: TemplateVersionId) -> bytes:
    return templates.file(conn, templates.import_job(conn, version_id).file_id)


def _require_access(conn: Connection, actor: Actor, workspace_id: WorkspaceId) -> None:
    owner_id = workspaces.workspace(conn, workspace_id).owner_id
    if owner_id != actor.user_id and not _SEES_ALL_WORKSPACES & set(actor.roles):
        raise NotFound


def _build_log(
    conn: Connection,
    actor: Actor,
    build_id: BuildId,
    settings: ProvisionerSettings,
    *,
    after: int,
    limit: int,
) -> BuildLog:
    build = records.build(conn, build_id, settings)
    _require_access(conn, actor, build.workspace_id)
    lines = builds.logs(conn, build.job.id, after=after, limit=limit)
    return inspection_backend.BuildLog(build=build, lines=[records.log_line(line) for line in lines])


def _agent_log(conn: Connection, actor: Actor, agent_id: AgentId, *, after: int, limit: int) -> AgentLog:
    agent = agents.agent(conn, agent_id)
    if agent is None:
        raise NotFound
    _require_access(conn, actor, agent.workspace_id)
    return inspection_backend.AgentLog(
        agent_id=agent.id,
        agent_name=agent.name,
        lifecycle_state=agent.lifecycle_state,
        troubleshooting_url=agent.troubleshooting_url,
        lines=[
            backend.LogLine(
                id=line.id, level=line.level, stage="", output=line.output, created_at=line.created_at
            )
            for line in agents.logs(conn, agent_id, after=after, limit=limit)
        ],
    )


def _statement(
    conn: Connection, owner_id: UserId, organization_id: OrganizationId, *, enforced: bool, limit: int
) -> QuotaStatement:
    quota = budget.workspace_quota(conn, owner_id, organization_id, enforced=enforced)
    return inspection_backend.QuotaStatement(
        quota=backend.Quota(credits_consumed=quota.credits_consumed, budget=quota.budget),
        charges=[
            inspection_backend.WorkspaceCharge(
                workspace_id=charge.workspace_id,
                workspace_name=charge.workspace_name,
                credits=charge.credits,
            )
            for charge in charges.largest_charges(conn, owner_id, organization_id, limit=limit)
        ],
        groups=[
            inspection_backend.GroupAllowance(name=group.name, quota_allowance=group.quota_allowance)
            for group in users.groups_of_user(conn, owner_id, organization_id)
        ],
    )
