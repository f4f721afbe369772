"""Provisioner jobs, their logs, and the daemons that carry them out."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from uuid import UUID

from chattool.api.models.wire import Absent, Wire
from db.states import JobErrorCode, JobStatus, JobType, LogLevel, LogSource


class ProvisionerJobInput(Wire):
    """What a job is for."""

    template_version_id: Absent[UUID] = None
    workspace_build_id: Absent[UUID] = None


class ProvisionerJobMetadata(Wire):
    """The names of what a job works on."""

    template_version_name: str
    template_id: Absent[UUID] = None
    template_name: str
    template_display_name: str
    workspace_id: Absent[UUID] = None
    workspace_name: Absent[str] = None


class ProvisionerJob(Wire):
    """The work behind a build or an import: who does it, how far it is, how it ended."""

    id: UUID
    created_at: datetime
    started_at: Absent[datetime] = None
    completed_at: Absent[datetime] = None
    canceled_at: Absent[datetime] = None
    error: Absent[str] = None
    """Why it failed, for people."""
    error_code: Absent[JobErrorCode] = None
    """Why it failed, for programs."""
    failure_reason: Absent[str] = None
    """Why trying again cannot help, as the provisioner found upstream."""
    failure_detail: Absent[str] = None
    retryable: Absent[bool] = None
    """Whether the same request may succeed when it is made again; absent when that is unknown."""
    status: JobStatus
    stage: Absent[str] = None
    """The stage of the last log line."""
    worker_id: Absent[UUID] = None
    worker_name: Absent[str] = None
    file_id: UUID
    tags: dict[str, str]
    queue_position: int
    """Place in line of a pending job, from 1; otherwise 0."""
    queue_size: int
    """How many wait in that line."""
    organization_id: UUID
    initiator_id: UUID
    input: ProvisionerJobInput
    type: JobType
    available_workers: Absent[list[UUID]] = None
    """The online daemons that could take a pending job."""
    metadata: Absent[ProvisionerJobMetadata] = None
    logs_overflowed: bool
    attempt: int
    """How often a daemon has taken the job."""


class ProvisionerJobLog(Wire):
    """A line of a job's log. Ids grow, so the last one seen is where to go on."""

    id: int
    created_at: datetime
    log_source: LogSource
    log_level: LogLevel
    stage: str
    output: str


class MatchedProvisioners(Wire):
    """The daemons that could take a pending job."""

    count: int
    """Those that are known."""
    available: int
    """Those of them that are online. 0: the job waits until one comes."""
    most_recently_seen: Absent[datetime] = None


class DaemonStatus(StrEnum):
    """Whether a daemon can be reached, and whether it works."""

    OFFLINE = "offline"
    IDLE = "idle"
    BUSY = "busy"


class ProvisionerDaemonJob(Wire):
    """A job of a daemon."""

    id: UUID
    status: JobStatus


class ProvisionerDaemon(Wire):
    """A program that carries out jobs."""

    id: UUID
    organization_id: UUID
    key_id: UUID
    created_at: datetime
    last_seen_at: datetime
    name: str
    version: str
    api_version: str
    provisioners: list[str]
    tags: dict[str, str]
    status: DaemonStatus
    current_job: Absent[ProvisionerDaemonJob] = None
    previous_job: Absent[ProvisionerDaemonJob] = None
