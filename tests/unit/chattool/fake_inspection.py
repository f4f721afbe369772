"""The reads of the read-only tools in memory, each of which can be made to fail."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from chattool.backend import Actor, Build, LogLine, Quota, Template
from chattool.inspection_backend import (
    AgentLog,
    BuildLog,
    GroupAllowance,
    Preset,
    QuotaStatement,
    WorkspaceCharge,
)
from db.errors import NotFound
from db.ids import (
    AgentId,
    BuildId,
    OrganizationId,
    PresetId,
    TemplateId,
    TemplateVersionId,
    UserId,
)
from db.records import TemplateUsage
from provisioner.protocol import Parameter


@dataclass
class TemplateContent:
    """What an import recorded about a version."""

    parameters: Sequence[Parameter] = ()
    presets: Sequence[Preset] = ()
    preset_parameters: Mapping[PresetId, Mapping[str, str]] = field(default_factory=dict)
    archive: bytes = b""


class FakeInspection(ABC):
    """What the fake backend adds for the read-only tools."""

    builds: dict[BuildId, Build]
    templates: dict[TemplateId, Template]
    credits: Quota
    log: list[LogLine]

    def __init__(self) -> None:
        self.evaluates_defaults = False
        self.usage: dict[TemplateId, TemplateUsage] = {}
        self.content: dict[TemplateVersionId, TemplateContent] = {}
        self.agent_logs: dict[AgentId, AgentLog] = {}
        self.charges: list[WorkspaceCharge] = []
        self.groups: list[GroupAllowance] = []

    @abstractmethod
    async def _enter(self, name: str) -> None: ...

    async def organization_templates(
        self, actor: Actor, organization_id: OrganizationId
    ) -> Sequence[Template]:
        await self._enter("organization_templates")
        return list(self.templates.values())

    async def template_usage(
        self, actor: Actor, owner_id: UserId, organization_id: OrganizationId
    ) -> Mapping[TemplateId, TemplateUsage]:
        await self._enter("template_usage")
        return self.usage

    async def template_parameters(self, actor: Actor, version_id: TemplateVersionId) -> Sequence[Parameter]:
        await self._enter("template_parameters")
        return self._content(version_id).parameters

    async def template_presets(self, actor: Actor, version_id: TemplateVersionId) -> Sequence[Preset]:
        await self._enter("template_presets")
        return self._content(version_id).presets

    async def preset_parameters(
        self, actor: Actor, version_id: TemplateVersionId
    ) -> Mapping[PresetId, Mapping[str, str]]:
        await self._enter("preset_parameters")
        return self._content(version_id).preset_parameters

    async def template_archive(self, actor: Actor, version_id: TemplateVersionId) -> bytes:
        await self._enter("template_archive")
        return self._content(version_id).archive

    async def build_log(self, actor: Actor, build_id: BuildId, *, after: int, limit: int) -> BuildLog:
        await self._enter("build_log")
        if build_id not in self.builds:
            raise NotFound
        lines = [line for line in self.log if line.id > after][:limit]
        return BuildLog(build=self.builds[build_id], lines=lines)

    async def agent_log(self, actor: Actor, agent_id: AgentId, *, after: int, limit: int) -> AgentLog:
        await self._enter("agent_log")
        if agent_id not in self.agent_logs:
            raise NotFound
        return self.agent_logs[agent_id]

    async def quota_statement(
        self, actor: Actor, owner_id: UserId, organization_id: OrganizationId, *, limit: int
    ) -> QuotaStatement:
        await self._enter("quota_statement")
        return QuotaStatement(quota=self.credits, charges=self.charges[:limit], groups=self.groups)

    def _content(self, version_id: TemplateVersionId) -> TemplateContent:
        return self.content.get(version_id, TemplateContent())
