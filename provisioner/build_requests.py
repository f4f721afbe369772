"""Who asks for a build, and for what."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from db.states import BuildReason

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from db.ids import OrganizationId, PresetId, TemplateId, TemplateVersionId, UserId, WorkspaceId

#: Roles that may do everything, that may manage templates, and that may look at everything.
ADMINISTRATOR = "owner"
TEMPLATE_ADMINISTRATOR = "template-admin"
AUDITOR = "auditor"


@dataclass(frozen=True, kw_only=True)
class Initiator:
    """Who asks for a build."""

    id: UserId
    roles: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class WorkspaceRequest:
    """What a new workspace is asked to be."""

    owner_id: UserId
    organization_id: OrganizationId
    template_id: TemplateId
    name: str
    ttl_ms: int | None = None
    parameters: Mapping[str, str] = field(default_factory=dict)
    preset_id: PresetId | None = None
    template_version_id: TemplateVersionId | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class BuildRequest:
    """What a build is asked to do."""

    workspace_id: WorkspaceId
    transition: str
    reason: BuildReason = BuildReason.INITIATOR
    template_version_id: TemplateVersionId | None = None
    use_active_version: bool = False
    parameters: Mapping[str, str] = field(default_factory=dict)
    preset_id: PresetId | None = None
    state: bytes | None = None
    """Replaces the provisioner's state; for template managers."""
    orphan: bool = False
    """A delete that forgets the state instead of destroying what it names."""
    log_level: str = ""
    """``debug`` makes the provisioner say more; for administrators."""
    idempotency_key: str | None = None
