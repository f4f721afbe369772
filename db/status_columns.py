"""The derived states of ``db.states`` as columns of a query, for filters. A test holds the two equal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import case, literal

from db.states import BuildStatus, JobStatus, Transition, build_status
from db.tables import provisioner_jobs, workspace_builds

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement

_jobs = provisioner_jobs.c


def job_status_column() -> ColumnElement[str]:
    """The status of a row of ``provisioner_jobs``."""
    return case(
        (_jobs.error != "", literal(JobStatus.FAILED.value)),
        (_jobs.completed_at.is_not(None) & _jobs.canceled_at.is_(None), literal(JobStatus.SUCCEEDED.value)),
        (_jobs.completed_at.is_not(None), literal(JobStatus.CANCELED.value)),
        (_jobs.canceled_at.is_not(None), literal(JobStatus.CANCELING.value)),
        (_jobs.started_at.is_(None), literal(JobStatus.PENDING.value)),
        else_=literal(JobStatus.RUNNING.value),
    )


def build_status_is(status: BuildStatus) -> ColumnElement[bool]:
    """Whether a row of ``workspace_builds``, joined with its job, has this status."""
    pairs = [(job, transition) for job in JobStatus for transition in Transition]
    matching = [
        (job_status_column() == literal(job.value))
        & (workspace_builds.c.transition == literal(transition.value))
        for job, transition in pairs
        if build_status(job, transition) is status
    ]
    condition = matching[0]
    for each in matching[1:]:
        condition |= each
    return condition
