"""What the database answers: frozen records, one per thing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from db.states import (
    AgentConnection,
    AgentLifecycle,
    BuildReason,
    BuildStatus,
    JobStatus,
    JobType,
    LogLevel,
    LogSource,
    ProvisionerType,
    Transition,
    agent_connection,
    build_status,
    job_status,
)

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from db.ids import (
        AgentId,
        BuildId,
        ChatId,
        DaemonId,
        FileId,
        GroupId,
        JobId,
        OrganizationId,
        PresetId,
        ProvisionerKeyId,
        ResourceId,
        TemplateId,
        TemplateVersionId,
        UserId,
        WorkspaceId,
    )


@dataclass(frozen=True, kw_only=True)
class Organization:
    """A tenant: users, groups and templates belong to it."""

    id: OrganizationId
    name: str
    display_name: str


@dataclass(frozen=True, kw_only=True)
class User:
    """A person or a service."""

    id: UserId
    username: str
    email: str
    status: str
    roles: Sequence[str]
    deleted: bool

    @property
    def active(self) -> bool:
        return self.status == "active" and not self.deleted


@dataclass(frozen=True, kw_only=True)
class Group:
    """A group of an organization; its allowance counts for each of its members."""

    id: GroupId
    organization_id: OrganizationId
    name: str
    display_name: str
    quota_allowance: int

    @property
    def is_everyone(self) -> bool:
        """Whether this is the group of all members, which has the organization's id."""
        return self.id == self.organization_id


@dataclass(frozen=True, kw_only=True)
class Job:
    """A provisioner job without its input."""

    id: JobId
    created_at: datetime
    queued_at: datetime
    started_at: datetime | None
    canceled_at: datetime | None
    completed_at: datetime | None
    committed_at: datetime | None
    organization_id: OrganizationId
    initiator_id: UserId
    type: JobType
    provisioner: ProvisionerType
    file_id: FileId
    tags: Mapping[str, str]
    worker_id: DaemonId | None
    attempt: int
    losses: int
    lease_until: datetime | None
    stage: str | None
    error: str | None
    error_code: str | None
    failure_reason: str | None
    failure_detail: str | None
    retryable: bool | None
    logs_overflowed: bool
    pruned_at: datetime | None = None
    """When retention removed its log, and of a build its state and resources."""

    @property
    def status(self) -> JobStatus:
        return job_status(
            started_at=self.started_at,
            canceled_at=self.canceled_at,
            completed_at=self.completed_at,
            error=self.error,
        )


@dataclass(frozen=True, kw_only=True)
class JobLog:
    """One line of a job's log."""

    id: int
    created_at: datetime
    source: LogSource
    level: LogLevel
    stage: str
    output: str


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A provisioner daemon that has been seen at least once."""

    id: DaemonId
    organization_id: OrganizationId
    name: str
    version: str
    provisioners: Sequence[str]
    tags: Mapping[str, str]
    created_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, kw_only=True)
class ProvisionerKey:
    """What lets remote daemons work for an organization. The secret itself is not kept."""

    id: ProvisionerKeyId
    organization_id: OrganizationId
    name: str
    tags: Mapping[str, str]
    created_at: datetime
    revoked_at: datetime | None = None


@dataclass(frozen=True, kw_only=True)
class KeyHolder:
    """Who calls with a key: one of its daemons, or one that has not registered yet."""

    key_id: ProvisionerKeyId
    organization_id: OrganizationId
    key_tags: Mapping[str, str]
    daemon_id: DaemonId | None
    provisioners: Sequence[str] | None
    daemon_tags: Mapping[str, str] | None


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template; its content is in versions."""

    id: TemplateId
    organization_id: OrganizationId
    name: str
    display_name: str
    description: str
    icon: str
    provisioner: ProvisionerType
    active_version_id: TemplateVersionId | None
    default_ttl_ms: int
    require_active_version: bool
    allow_user_cancel_workspace_jobs: bool
    deprecated: str
    deleted: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class TemplateVersion:
    """One upload of a template, with what its import found in it."""

    id: TemplateVersionId
    organization_id: OrganizationId
    template_id: TemplateId | None
    name: str
    message: str
    readme: str
    job_id: JobId
    variables: Sequence[Mapping[str, object]]
    parameters: Sequence[Mapping[str, object]]
    presets: Sequence[Mapping[str, object]]
    about: Mapping[str, object]
    """What the version says about its template: ``display_name``, ``description``, ``icon``, ``ttl_ms``."""
    start_cost: int | None
    stop_cost: int | None
    has_external_agent: bool
    archived: bool
    created_by: UserId
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, kw_only=True)
class TemplateUsage:
    """How a template is used by one owner, and by how many users in all."""

    active: int = 0
    """Workspaces that the owner has of it now."""
    removed: int = 0
    """Workspaces that the owner had of it until lately."""
    last_used_at: datetime | None = None
    """When the owner last started one."""
    developers: int = 0
    """Users who have a workspace of it now."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A workspace with the names it is shown by."""

    id: WorkspaceId
    owner_id: UserId
    owner_name: str
    organization_id: OrganizationId
    template_id: TemplateId
    template_name: str
    name: str
    ttl_ms: int | None
    deleted: bool
    created_at: datetime
    updated_at: datetime
    last_used_at: datetime
    latest_build_id: BuildId


@dataclass(frozen=True, kw_only=True)
class Build:
    """One transition of a workspace. Its state, which may be large, is read apart."""

    id: BuildId
    workspace_id: WorkspaceId
    build_number: int
    transition: Transition
    reason: BuildReason
    template_version_id: TemplateVersionId
    preset_id: PresetId | None
    parameters: Mapping[str, str]
    initiator_id: UserId
    planned_cost: int | None
    daily_cost: int
    deadline: datetime | None
    created_at: datetime
    updated_at: datetime
    job: Job

    @property
    def status(self) -> BuildStatus:
        return build_status(self.job.status, self.transition)


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A workspace agent and what it last reported."""

    id: AgentId
    resource_id: ResourceId
    workspace_id: WorkspaceId
    build_id: BuildId
    parent_id: AgentId | None
    name: str
    display_order: int
    startup_script: str
    connection_timeout_seconds: int
    troubleshooting_url: str
    external: bool
    lifecycle_state: AgentLifecycle
    first_connected_at: datetime | None
    last_connected_at: datetime | None
    disconnected_at: datetime | None
    created_at: datetime
    updated_at: datetime

    def connection(self, now: datetime, inactive_timeout: timedelta) -> AgentConnection:
        """Whether the agent is in contact at ``now``."""
        return agent_connection(
            now=now,
            created_at=self.created_at,
            first_connected_at=self.first_connected_at,
            last_connected_at=self.last_connected_at,
            disconnected_at=self.disconnected_at,
            connection_timeout=timedelta(seconds=self.connection_timeout_seconds),
            inactive_timeout=inactive_timeout,
        )


@dataclass(frozen=True, kw_only=True)
class AgentLog:
    """One line that an agent's start-up script wrote."""

    id: int
    created_at: datetime
    level: LogLevel
    output: str


@dataclass(frozen=True, kw_only=True)
class Chat:
    """A conversation of a user with an agent."""

    id: ChatId
    owner_id: UserId
    organization_id: OrganizationId
    key: str
    workspace_id: WorkspaceId | None
    build_id: BuildId | None
    agent_id: AgentId | None
    last_error: Mapping[str, object] | str | None
    """Why its last turn failed, as ``chattool.chaterror`` writes it; text where it is no object."""
    created_at: datetime
    updated_at: datetime
