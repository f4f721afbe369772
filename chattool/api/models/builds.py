"""Workspace builds and what they make."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Base64Bytes, Field

from chattool.api.models.jobs import MatchedProvisioners, ProvisionerJob
from chattool.api.models.wire import Absent, Text, Wanted, Wire
from db.states import AgentConnection, AgentLifecycle, BuildReason, BuildStatus, LogLevel, Transition

MOST_PARAMETERS = 1000


class WorkspaceResourceMetadata(Wire):
    """One fact about a resource."""

    key: str
    value: str
    """Empty when it is sensitive."""
    sensitive: bool


class WorkspaceAgent(Wire):
    """The program in a workspace that runs its start-up script and reports."""

    id: UUID
    parent_id: Absent[UUID] = None
    created_at: datetime
    updated_at: datetime
    first_connected_at: Absent[datetime] = None
    last_connected_at: Absent[datetime] = None
    disconnected_at: Absent[datetime] = None
    status: AgentConnection
    lifecycle_state: AgentLifecycle
    name: str
    resource_id: UUID
    workspace_id: UUID
    connection_timeout_seconds: int
    troubleshooting_url: Absent[str] = None
    display_order: int
    external: bool
    """Whether it is started by hand, outside the workspace's resources."""


class WorkspaceAgentLog(Wire):
    """A line of an agent's start-up script. Ids grow, so the last one seen is where to go on."""

    id: int
    created_at: datetime
    level: LogLevel
    output: str


class WorkspaceResource(Wire):
    """One thing that a build made."""

    id: UUID
    created_at: datetime
    job_id: UUID
    workspace_transition: Transition
    type: str
    name: str
    hide: bool
    icon: str
    agents: Absent[list[WorkspaceAgent]] = None
    metadata: Absent[list[WorkspaceResourceMetadata]] = None
    daily_cost: int


class WorkspaceBuild(Wire):
    """One transition of a workspace: a start, a stop or a delete."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    workspace_id: UUID
    workspace_name: str
    workspace_owner_id: UUID
    workspace_owner_name: str
    template_version_id: UUID
    template_version_name: str
    build_number: int
    """Counts the builds of a workspace from 1."""
    transition: Transition
    initiator_id: UUID
    initiator_name: str
    job: ProvisionerJob
    reason: BuildReason
    resources: list[WorkspaceResource]
    deadline: Absent[datetime] = None
    """When the workspace will be stopped."""
    status: BuildStatus
    daily_cost: int
    """Credits a day that the build was charged with."""
    planned_cost: Absent[int] = None
    """Credits a day that the build asked for, as soon as they are known."""
    matched_provisioners: Absent[MatchedProvisioners] = None
    """Given while the job is pending."""
    template_version_preset_id: Absent[UUID] = None


class WorkspaceBuildParameter(Wire):
    """A value that a build was given or inherited."""

    name: str
    value: str


class ParameterValue(Wanted):
    """A value for a parameter of the template."""

    name: Annotated[Text, Field(max_length=256)]
    value: Annotated[Text, Field(max_length=64 << 10)]


class CreateWorkspaceBuild(Wanted):
    """What a build is to do."""

    transition: Annotated[str, Field(max_length=64)]
    """``start``, ``stop`` or ``delete``."""
    template_version_id: UUID | None = None
    """Default: that of the last build, or the active one where the template requires it."""
    rich_parameter_values: Annotated[
        list[ParameterValue], Field(max_length=MOST_PARAMETERS, default_factory=list)
    ]
    template_version_preset_id: UUID | None = None
    state: Base64Bytes | None = None
    """Replaces the provisioner's state (base64); for template administrators."""
    orphan: bool = False
    """A delete that forgets the state instead of destroying what it names; for template administrators."""
    log_level: Annotated[str, Field(max_length=64)] = ""
    """``debug``: the provisioner says more; for administrators."""
