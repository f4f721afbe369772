"""A job as its runner sees it: the claim on it, what it needs to run, and how it ends."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from db.ids import (
    BuildId,
    DaemonId,
    FileId,
    JobId,
    OrganizationId,
    TemplateId,
    TemplateVersionId,
    UserId,
)
from db.states import JobErrorCode, JobStatus, JobType, LogLevel, LogSource, ProvisionerType, Transition
from provisioner.protocol import ParseResult, PlanResult, Resource, WorkspaceMetadata


@dataclass(frozen=True, kw_only=True)
class Fence:
    """What every write of a runner names. When it no longer fits the job, the lease is lost."""

    job_id: JobId
    attempt: int
    worker_id: DaemonId | None


@dataclass(frozen=True, kw_only=True)
class Claim:
    """A job that a daemon now holds."""

    fence: Fence
    type: JobType
    provisioner: ProvisionerType
    organization_id: OrganizationId
    file_id: FileId
    age: timedelta = timedelta()
    """How long ago, at most, the lease began; a claim that came a long way is older than it looks."""
    work: BuildWork | ImportWork | None = None
    """What it needs to run, where that came along."""


@dataclass(frozen=True, kw_only=True)
class BuildWork:
    """What a workspace build needs to run."""

    metadata: WorkspaceMetadata
    transition: Transition
    build_number: int
    state: bytes
    parameters: Mapping[str, str]
    previous_parameters: Mapping[str, str]
    variables: Mapping[str, str]
    preset: str
    log_level: LogLevel

    @property
    def build_id(self) -> BuildId:
        return self.metadata.build_id


@dataclass(frozen=True, kw_only=True)
class ImportWork:
    """What the import of a template version needs to run."""

    template_id: TemplateId | None
    """``None`` as long as no template was made of the version."""
    template_version_id: TemplateVersionId
    initiator_id: UserId
    variables: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One log line on its way to the job's log."""

    created_at: datetime
    source: LogSource
    level: LogLevel
    stage: str
    output: str


@dataclass(frozen=True, kw_only=True)
class Imported:
    """What an import found."""

    parsed: ParseResult
    start: PlanResult
    stop: PlanResult


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a job ends. ``succeeded``: applied completely. ``canceled``: nothing was applied."""

    status: JobStatus
    error: str = ""
    error_code: JobErrorCode | None = None
    failure_reason: str | None = None
    failure_detail: str | None = None
    retryable: bool | None = None
    state: bytes | None = None
    """``None`` keeps the stored state."""
    resources: Sequence[Resource] = ()
    agent_token: str = field(default="", repr=False)
    """The secret that the agents of this build share; only its hash is stored."""
    applied: bool = False
    """Whether the provisioner's apply was called."""
    imported: Imported | None = None


@dataclass(frozen=True, kw_only=True)
class Beat:
    """What a heartbeat brings back."""

    canceled: bool
    lease: timedelta
    """How long the lease now holds."""
