"""Cancelling a job: a compare-and-set against the claim."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from db import builds
from db.errors import NotFound, RequestError
from db.states import JobStatus, job_status
from db.tables import provisioner_jobs, templates, workspace_builds, workspaces
from provisioner import finish, queue
from provisioner.build_requests import ADMINISTRATOR
from provisioner.jobs import Outcome

if TYPE_CHECKING:
    from db.ids import BuildId, JobId
    from db.records import User
    from db.statements import Row
    from db.transactions import Connection
    from provisioner.build_requests import Initiator

_jobs = provisioner_jobs.c
_JOB = (
    select(_jobs.started_at, _jobs.canceled_at, _jobs.completed_at, _jobs.error)
    .where(_jobs.id == bindparam("job"))
    .with_for_update()
)
_BUILD = (
    select(workspace_builds.c.job_id, workspaces.c.owner_id, templates.c.allow_user_cancel_workspace_jobs)
    .join(workspaces, workspaces.c.id == workspace_builds.c.workspace_id)
    .join(templates, templates.c.id == workspaces.c.template_id)
    .where(workspace_builds.c.id == bindparam("build"))
)
_MARK = update(provisioner_jobs).where(_jobs.id == bindparam("job")).values(canceled_at=bindparam("now"))


def cancel_build(
    conn: Connection, actor: Initiator | User, build_id: BuildId, *, expect_status: str | None = None
) -> JobStatus:
    """Cancel a build; the status of its job afterwards, ``canceled`` or ``canceling``.

    Raises:
        RequestError: 400 already completed or marked, 403 not allowed by the template, 404 unknown,
            412 other status.
    """
    row = conn.first(_BUILD, build=build_id)
    administrator = ADMINISTRATOR in actor.roles
    if row is None or (row.owner_id != actor.id and not administrator):
        raise NotFound
    job = _locked(conn, row.job_id)
    if not (row.allow_user_cancel_workspace_jobs or administrator) and _status(job) is not JobStatus.PENDING:
        raise RequestError(403, "The template does not allow to cancel builds that have started.")
    status = cancel(conn, row.job_id, expect_status=expect_status)
    conn.notify(builds.topic(build_id))
    return status


def cancel(conn: Connection, job_id: JobId, *, expect_status: str | None = None) -> JobStatus:
    """Cancel a job: at once when it is pending, else its runner is told.

    Raises:
        RequestError: 400 already completed, already marked, or a bad ``expect_status``; 404 unknown; 412
            another status than expected.
    """
    row = _locked(conn, job_id)
    status = _status(row)
    if expect_status is not None:
        if expect_status not in (JobStatus.PENDING, JobStatus.RUNNING):
            raise RequestError(400, f'Invalid expect_status "{expect_status}": use pending or running.')
        if status != expect_status:
            raise RequestError(412, f"The job is {status}, not {expect_status}.")
    if row.completed_at is not None:
        raise RequestError(400, "Job has already completed!")
    if row.canceled_at is not None:
        raise RequestError(400, "Job has already been marked as canceled!")
    if status is JobStatus.PENDING:
        fence = finish.fence_of(conn, job_id)
        finish.finish(conn, fence, queue.SERVER_CALL, Outcome(status=JobStatus.CANCELED))
        return JobStatus.CANCELED
    conn.run(_MARK, job=job_id, now=conn.now)
    conn.notify(queue.cancel_topic(job_id))
    return JobStatus.CANCELING


def _locked(conn: Connection, job_id: JobId) -> Row:
    row = conn.first(_JOB, job=job_id)
    if row is None:
        raise NotFound
    return row


def _status(row: Row) -> JobStatus:
    return job_status(
        started_at=row.started_at, canceled_at=row.canceled_at, completed_at=row.completed_at, error=row.error
    )
