"""What the latest build makes of a workspace. Nothing else here looks at the status of a job."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING, assert_never

from chattool.errors import UnexpectedJobStatus
from db.states import JobStatus, Transition

if TYPE_CHECKING:
    from chattool.backend import Build, Job


class BuildState(StrEnum):
    """Where a workspace stands, as far as a tool has to decide."""

    IN_PROGRESS = "in_progress"
    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"
    BROKEN = "broken"


_SUCCEEDED = {
    Transition.START: BuildState.RUNNING,
    Transition.STOP: BuildState.STOPPED,
    Transition.DELETE: BuildState.DELETED,
}


def job_status(job: Job) -> JobStatus:
    """The status of a job.

    Raises:
        UnexpectedJobStatus: it is none that this program knows.
    """
    try:
        return JobStatus(job.status)
    except ValueError:
        raise UnexpectedJobStatus(job.status) from None


def lacks_daemon(build: Build) -> bool:
    """Whether the build waits for a daemon, and none that could take it is online."""
    return build.job.status == JobStatus.PENDING and build.job.matched_provisioners == 0


def build_state(build: Build) -> BuildState:
    """The state that a build leaves its workspace in.

    Raises:
        UnexpectedJobStatus: see ``job_status``.
    """
    status = job_status(build.job)
    match status:
        case JobStatus.PENDING | JobStatus.RUNNING | JobStatus.CANCELING:
            return BuildState.IN_PROGRESS
        case JobStatus.SUCCEEDED:
            return _SUCCEEDED[build.transition]
        case JobStatus.FAILED | JobStatus.CANCELED:
            return BuildState.BROKEN
        case _:
            assert_never(status)
