"""The shared vocabulary of states, and the functions that derive one state from others."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

if TYPE_CHECKING:
    from datetime import datetime, timedelta


class Transition(StrEnum):
    """What a build does to its workspace."""

    START = "start"
    STOP = "stop"
    DELETE = "delete"


class BuildReason(StrEnum):
    """Who asked for a build: a person or agent, or a schedule."""

    INITIATOR = "initiator"
    AUTOSTART = "autostart"
    AUTOSTOP = "autostop"


class JobType(StrEnum):
    """What a provisioner job is for."""

    WORKSPACE_BUILD = "workspace_build"
    TEMPLATE_VERSION_IMPORT = "template_version_import"
    TEMPLATE_VERSION_DRY_RUN = "template_version_dry_run"


class ProvisionerType(StrEnum):
    """Which provisioner carries a template out."""

    TERRAFORM = "terraform"
    LOCAL = "local"
    ECHO = "echo"


class JobStatus(StrEnum):
    """Where a job stands. Never stored: see ``job_status``."""

    PENDING = "pending"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    CANCELING = "canceling"
    CANCELED = "canceled"
    FAILED = "failed"

    @property
    def active(self) -> bool:
        """Whether the job has not ended yet; ``canceling`` has not."""
        return self in _ACTIVE


_ACTIVE = frozenset({JobStatus.PENDING, JobStatus.RUNNING, JobStatus.CANCELING})


class BuildStatus(StrEnum):
    """Where a build, and the workspace whose latest build it is, stands."""

    PENDING = "pending"
    STARTING = "starting"
    RUNNING = "running"
    STOPPING = "stopping"
    STOPPED = "stopped"
    DELETING = "deleting"
    DELETED = "deleted"
    CANCELING = "canceling"
    CANCELED = "canceled"
    FAILED = "failed"


class JobErrorCode(StrEnum):
    """Machine-readable causes of a failed job."""

    REQUIRED_TEMPLATE_VARIABLES = "REQUIRED_TEMPLATE_VARIABLES"
    MISSING_TEMPLATE_PARAMETER = "MISSING_TEMPLATE_PARAMETER"
    INSUFFICIENT_QUOTA = "INSUFFICIENT_QUOTA"


class LogLevel(StrEnum):
    """Severity of a log line, least severe first."""

    TRACE = "trace"
    DEBUG = "debug"
    INFO = "info"
    WARN = "warn"
    ERROR = "error"


class LogSource(StrEnum):
    """Who wrote a line of a build's log."""

    PROVISIONER_DAEMON = "provisioner_daemon"
    PROVISIONER = "provisioner"


class AgentLifecycle(StrEnum):
    """What a workspace agent last reported about its start-up and shutdown scripts."""

    CREATED = "created"
    STARTING = "starting"
    READY = "ready"
    START_TIMEOUT = "start_timeout"
    START_ERROR = "start_error"
    SHUTTING_DOWN = "shutting_down"
    SHUTDOWN_TIMEOUT = "shutdown_timeout"
    SHUTDOWN_ERROR = "shutdown_error"
    OFF = "off"


class AgentConnection(StrEnum):
    """Whether a workspace agent is in contact. Never stored: see ``agent_connection``."""

    CONNECTING = "connecting"
    CONNECTED = "connected"
    DISCONNECTED = "disconnected"
    TIMEOUT = "timeout"


def job_status(
    *,
    started_at: datetime | None,
    canceled_at: datetime | None,
    completed_at: datetime | None,
    error: str | None,
) -> JobStatus:
    """The status of a job, derived from what was recorded about it."""
    if error:
        return JobStatus.FAILED
    if completed_at is not None:
        return JobStatus.SUCCEEDED if canceled_at is None else JobStatus.CANCELED
    if canceled_at is not None:
        return JobStatus.CANCELING
    return JobStatus.PENDING if started_at is None else JobStatus.RUNNING


def build_status(status: JobStatus, transition: Transition) -> BuildStatus:
    """The status of a build, and of the workspace whose latest build it is."""
    match status:
        case JobStatus.PENDING | JobStatus.CANCELING | JobStatus.CANCELED | JobStatus.FAILED:
            return BuildStatus(status.value)
        case JobStatus.RUNNING:
            return _RUNNING[transition]
        case JobStatus.SUCCEEDED:
            return _SUCCEEDED[transition]
        case _:
            assert_never(status)


_RUNNING = {
    Transition.START: BuildStatus.STARTING,
    Transition.STOP: BuildStatus.STOPPING,
    Transition.DELETE: BuildStatus.DELETING,
}
_SUCCEEDED = {
    Transition.START: BuildStatus.RUNNING,
    Transition.STOP: BuildStatus.STOPPED,
    Transition.DELETE: BuildStatus.DELETED,
}


def agent_connection(
    *,
    now: datetime,
    created_at: datetime,
    first_connected_at: datetime | None,
    last_connected_at: datetime | None,
    disconnected_at: datetime | None,
    connection_timeout: timedelta,
    inactive_timeout: timedelta,
) -> AgentConnection:
    """Whether an agent is in contact at ``now``; a connection timeout of zero never runs out."""
    if first_connected_at is None or last_connected_at is None:
        if connection_timeout and now - created_at > connection_timeout:
            return AgentConnection.TIMEOUT
        return AgentConnection.CONNECTING
    if has_said_goodbye(last_connected_at, disconnected_at):
        return AgentConnection.DISCONNECTED
    if now - last_connected_at > inactive_timeout:
        return AgentConnection.DISCONNECTED
    return AgentConnection.CONNECTED


def has_said_goodbye(last_connected_at: datetime | None, disconnected_at: datetime | None) -> bool:
    """Whether an agent's last contact was its goodbye, which counts as a contact at the same moment."""
    if disconnected_at is None:
        return False
    return last_connected_at is None or disconnected_at >= last_connected_at
