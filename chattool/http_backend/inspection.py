"""The reads of the read-only tools over HTTP."""

from __future__ import annotations

import asyncio
from http import HTTPStatus
from typing import TYPE_CHECKING

from chattool import backend, inspection_backend
from chattool.http_backend import records, shapes
from db import ids
from db.errors import NotFound, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.backend import Actor, Template
    from chattool.http_backend.connection import ApiConnection
    from chattool.inspection_backend import AgentLog, BuildLog, Preset, QuotaStatement
    from db.ids import AgentId, BuildId, OrganizationId, PresetId, TemplateId, TemplateVersionId, UserId
    from db.records import TemplateUsage
    from provisioner.protocol import Parameter


class HttpInspection:
    """``InspectionBackend`` on a server, which decides what the token's user may see, whoever is to act."""

    evaluates_defaults = False

    def __init__(self, connection: ApiConnection) -> None:
        self.connection = connection
        self.clock = connection.clock

    async def organization_templates(
        self,
        actor: Actor,  # noqa: ARG002 - the token's
        organization_id: OrganizationId,
    ) -> Sequence[Template]:
        path = f"/organizations/{organization_id}/templates"
        found = await self.connection.get(list[shapes.Template], path)
        return [records.template(each) for each in found if each.active_version_id is not None]

    async def template_usage(
        self,
        actor: Actor,  # noqa: ARG002
        owner_id: UserId,
        organization_id: OrganizationId,
    ) -> Mapping[TemplateId, TemplateUsage]:
        path = f"/organizations/{organization_id}/members/{owner_id}/template-usage"
        try:
            found = await self.connection.get(list[shapes.Usage], path)
        except NotFound:
            if self.connection.is_chattool:
                raise
            return {}  # Coder's servers count nothing
        return {ids.TemplateId(each.template_id): records.usage(each) for each in found}

    async def template_parameters(self, actor: Actor, version_id: TemplateVersionId) -> Sequence[Parameter]:  # noqa: ARG002
        path = f"/templateversions/{version_id}/rich-parameters"
        return [records.parameter(each) for each in await self.connection.get(list[shapes.Parameter], path)]

    async def template_presets(self, actor: Actor, version_id: TemplateVersionId) -> Sequence[Preset]:  # noqa: ARG002
        return [records.preset(each) for each in await self._presets(version_id)]

    async def preset_parameters(
        self,
        actor: Actor,  # noqa: ARG002
        version_id: TemplateVersionId,
    ) -> Mapping[PresetId, Mapping[str, str]]:
        return {
            ids.PresetId(each.id): {value.name: value.value for value in each.parameters}
            for each in await self._presets(version_id)
        }

    async def template_archive(self, actor: Actor, version_id: TemplateVersionId) -> bytes:  # noqa: ARG002
        version = await self.connection.get(shapes.TemplateVersion, f"/templateversions/{version_id}")
        try:
            return await self.connection.download(f"/files/{version.job.file_id}")
        except NotFound as error:
            # There is the version, so there is its archive, only not for everybody.
            text = "only template administrators may read the source of a template"
            raise RequestError(HTTPStatus.FORBIDDEN, text) from error

    async def build_log(self, actor: Actor, build_id: BuildId, *, after: int, limit: int) -> BuildLog:  # noqa: ARG002
        path = f"/workspacebuilds/{build_id}"
        found = await self.connection.get(shapes.Build, path)
        lines = await self.connection.get(list[shapes.JobLog], f"{path}/logs", after=after, limit=limit)
        return inspection_backend.BuildLog(
            build=records.build(found), lines=[records.build_line(line) for line in lines[:limit]]
        )

    async def agent_log(self, actor: Actor, agent_id: AgentId, *, after: int, limit: int) -> AgentLog:  # noqa: ARG002
        path = f"/workspaceagents/{agent_id}"
        found = await self.connection.get(shapes.Agent, path)
        lines = await self.connection.get(list[shapes.AgentLog], f"{path}/logs", after=after, limit=limit)
        return inspection_backend.AgentLog(
            agent_id=agent_id,
            agent_name=found.name,
            lifecycle_state=found.lifecycle_state,
            troubleshooting_url=found.troubleshooting_url,
            lines=[records.agent_line(line) for line in lines[:limit]],
        )

    async def quota(self, actor: Actor, owner_id: UserId, organization_id: OrganizationId) -> backend.Quota:  # noqa: ARG002
        path = f"/organizations/{organization_id}/members/{owner_id}/workspace-quota"
        found = await self.connection.get(shapes.Quota, path)
        return backend.Quota(credits_consumed=found.credits_consumed, budget=found.budget)

    async def quota_statement(
        self, actor: Actor, owner_id: UserId, organization_id: OrganizationId, *, limit: int
    ) -> QuotaStatement:
        path = f"/organizations/{organization_id}/members/{owner_id}/quota-statement"
        try:
            found = await self.connection.get(shapes.Statement, path, limit=limit)
        except NotFound:
            if self.connection.is_chattool:
                raise
            return await self._guessed_statement(actor, owner_id, organization_id, limit)
        return inspection_backend.QuotaStatement(
            quota=backend.Quota(credits_consumed=found.credits_consumed, budget=found.budget),
            charges=[
                inspection_backend.WorkspaceCharge(
                    workspace_id=ids.WorkspaceId(each.workspace_id),
                    workspace_name=each.workspace_name,
                    credits=each.credits,
                )
                for each in found.charges
            ],
            groups=[
                inspection_backend.GroupAllowance(name=each.name, quota_allowance=each.quota_allowance)
                for each in found.groups
            ],
        )

    async def _guessed_statement(
        self, actor: Actor, owner_id: UserId, organization_id: OrganizationId, limit: int
    ) -> QuotaStatement:
        """The statement where a server has none: what the latest builds cost, and no groups."""
        quota, found = await asyncio.gather(
            self.quota(actor, owner_id, organization_id),
            self.connection.get(shapes.Workspaces, "/workspaces", q="owner:me"),
        )
        charges = [
            inspection_backend.WorkspaceCharge(
                workspace_id=ids.WorkspaceId(each.id),
                workspace_name=f"{each.owner_name}/{each.name}",
                credits=each.latest_build.daily_cost,
            )
            for each in found.workspaces
            if each.organization_id == organization_id
        ]
        charges.sort(key=lambda charge: -charge.credits)
        return inspection_backend.QuotaStatement(quota=quota, charges=charges[:limit], groups=[])

    async def _presets(self, version_id: TemplateVersionId) -> list[shapes.Preset]:
        return await self.connection.get(list[shapes.Preset], f"/templateversions/{version_id}/presets")
