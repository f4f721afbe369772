"""What the read-only tools need from the system that builds workspaces.

Every read is made as ``actor``. What the actor may not see is ``NotFound``, as if it did not exist.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.backend import Actor, Build, LogLine, Quota, Template
    from db.ids import (
        AgentId,
        BuildId,
        OrganizationId,
        PresetId,
        TemplateId,
        TemplateVersionId,
        UserId,
        WorkspaceId,
    )
    from db.records import TemplateUsage
    from provisioner.protocol import Parameter


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of parameter values of a template version; the values are read apart."""

    id: PresetId
    name: str
    default: bool = False
    description: str = ""
    icon: str = ""


@dataclass(frozen=True, kw_only=True)
class BuildLog:
    """A part of a build's log, with the build as it is now."""

    build: Build
    lines: Sequence[LogLine]


@dataclass(frozen=True, kw_only=True)
class AgentLog:
    """A part of what an agent's start-up script wrote, with the agent as it is now."""

    agent_id: AgentId
    agent_name: str
    lifecycle_state: str
    troubleshooting_url: str
    lines: Sequence[LogLine]


@dataclass(frozen=True, kw_only=True)
class WorkspaceCharge:
    """Credits per day that one workspace holds. The name is ``owner/name``."""

    workspace_id: WorkspaceId
    workspace_name: str
    credits: int


@dataclass(frozen=True, kw_only=True)
class GroupAllowance:
    """What a group adds to the budget of each of its members."""

    name: str
    quota_allowance: int


@dataclass(frozen=True, kw_only=True)
class QuotaStatement:
    """A quota, what holds the credits, and where the budget comes from."""

    quota: Quota
    charges: Sequence[WorkspaceCharge]
    groups: Sequence[GroupAllowance]


class InspectionBackend(Protocol):
    """Reads that change nothing. Log lines are those with an id above ``after``, oldest first."""

    evaluates_defaults: bool
    """Whether the defaults of parameters are those of a build for this owner, not those of the import."""

    async def organization_templates(
        self, actor: Actor, organization_id: OrganizationId
    ) -> Sequence[Template]:
        """The organization's templates that can be built from; deprecated ones may be among them."""
        ...

    async def template_usage(
        self, actor: Actor, owner_id: UserId, organization_id: OrganizationId
    ) -> Mapping[TemplateId, TemplateUsage]:
        """How templates are used; those that nobody uses may be left out."""
        ...

    async def template_parameters(
        self, actor: Actor, version_id: TemplateVersionId
    ) -> Sequence[Parameter]: ...

    async def template_presets(self, actor: Actor, version_id: TemplateVersionId) -> Sequence[Preset]: ...

    async def preset_parameters(
        self, actor: Actor, version_id: TemplateVersionId
    ) -> Mapping[PresetId, Mapping[str, str]]:
        """The values of each preset, by the parameters' names."""
        ...

    async def template_archive(self, actor: Actor, version_id: TemplateVersionId) -> bytes:
        """The tar that the version was made from.

        Raises:
            RequestError: 403, the actor may use the template, but not read its source.
        """
        ...

    async def build_log(self, actor: Actor, build_id: BuildId, *, after: int, limit: int) -> BuildLog: ...

    async def agent_log(self, actor: Actor, agent_id: AgentId, *, after: int, limit: int) -> AgentLog: ...

    async def quota_statement(
        self, actor: Actor, owner_id: UserId, organization_id: OrganizationId, *, limit: int
    ) -> QuotaStatement:
        """The quota with the ``limit`` workspaces that hold most."""
        ...
