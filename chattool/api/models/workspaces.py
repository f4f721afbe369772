"""Workspaces."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from chattool.api.models.builds import MOST_PARAMETERS, ParameterValue, WorkspaceBuild
from chattool.api.models.wire import Absent, Wanted, Wire

_MOST_MILLISECONDS = 10 * 365 * 24 * 3600 * 1000


class WorkspaceHealth(Wire):
    """Whether the agents of a workspace are as they should be."""

    healthy: bool
    failing_agents: list[UUID]


class Workspace(Wire):
    """A workspace with its latest build."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    owner_id: UUID
    owner_name: str
    organization_id: UUID
    organization_name: str
    template_id: UUID
    template_name: str
    template_display_name: str
    template_icon: str
    template_active_version_id: Absent[UUID] = None
    template_require_active_version: bool
    latest_build: WorkspaceBuild
    outdated: bool
    """Whether its latest build used another version than the template's active one."""
    name: str
    ttl_ms: Absent[int] = None
    last_used_at: datetime
    deleted: bool
    health: WorkspaceHealth


class Workspaces(Wire):
    """A page of workspaces, and how many there are in all."""

    workspaces: list[Workspace]
    count: int


class CreateWorkspace(Wanted):
    """What a new workspace is to be. Give either ``template_id`` or ``template_version_id``."""

    template_id: UUID | None = None
    template_version_id: UUID | None = None
    name: Annotated[str, Field(max_length=256)]
    ttl_ms: Annotated[int, Field(ge=0, le=_MOST_MILLISECONDS)] | None = None
    """From a start to the automatic stop; 0: never. Default: the template's."""
    rich_parameter_values: Annotated[
        list[ParameterValue], Field(max_length=MOST_PARAMETERS, default_factory=list)
    ]
    template_version_preset_id: UUID | None = None
