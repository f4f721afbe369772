"""The only way a job ends: complete, fail, cancel and reap all come through ``finish``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, select, update

from db import builds, log_bounds
from db.errors import LeaseLost
from db.states import JobStatus, LogLevel, LogSource
from db.tables import provisioner_jobs, workspace_builds
from db.tables import templates as template_table
from db.tables import workspaces as workspace_table
from db.transactions import Writes, single_write
from provisioner import build_end, imports, joblogs, queue
from provisioner.jobs import Fence, Line

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import JobId
    from db.transactions import Connection
    from provisioner.jobs import Outcome

_jobs = provisioner_jobs.c
_NOW = bindparam("now", type_=_jobs.updated_at.type)
_JOB = (
    select(
        _jobs.canceled_at,
        _jobs.committed_at,
        _jobs.logs_bytes,
        workspace_builds.c.id.label("build_id"),
        workspace_builds.c.workspace_id,
        workspace_builds.c.build_number,
        workspace_builds.c.transition,
        workspace_builds.c.daily_cost,
        workspace_table.c.ttl_ms,
        template_table.c.default_ttl_ms,
    )
    .select_from(provisioner_jobs)
    .outerjoin(workspace_builds, workspace_builds.c.job_id == _jobs.id)
    .outerjoin(workspace_table, workspace_table.c.id == workspace_builds.c.workspace_id)
    .outerjoin(template_table, template_table.c.id == workspace_table.c.template_id)
    .where(_jobs.id == bindparam("job"))
)
_FENCE_OF = select(_jobs.attempt, _jobs.worker_id).where(
    _jobs.id == bindparam("job"), _jobs.completed_at.is_(None)
)
_STATUS = bindparam("status", type_=_jobs.stage.type)
_END = (
    update(provisioner_jobs)
    .where(queue.NUMBERED_FENCE)
    .values(
        **joblogs.GROWTH,
        completed_at=_NOW,
        updated_at=_NOW,
        # A pending job that fails has been looked at, and must not read as pending.
        started_at=case(
            {JobStatus.FAILED.value: func.coalesce(_jobs.started_at, _NOW)},
            value=_STATUS,
            else_=_jobs.started_at,
        ),
        # A cancel that came too late does not turn a success into a cancelled job.
        canceled_at=case(
            {
                JobStatus.CANCELED.value: func.coalesce(_jobs.canceled_at, _NOW),
                JobStatus.SUCCEEDED.value: None,
            },
            value=_STATUS,
            else_=_jobs.canceled_at,
        ),
        lease_until=None,
        call_number=bindparam("number"),
        call_answer=None,
        error=bindparam("new_error"),
        error_code=bindparam("new_error_code"),
        failure_reason=bindparam("new_failure_reason"),
        failure_detail=bindparam("new_failure_detail"),
        retryable=bindparam("new_retryable"),
    )
    .returning(_jobs.id)
)
_TOO_LATE = "The cancel came after the build was applied; the build succeeded."


@single_write
def finish(conn: Connection, fence: Fence, number: int, outcome: Outcome, lines: Sequence[Line] = ()) -> bool:
    """End a job: job, build, state, resources, agents, credits, the last log lines and the event, or nothing.

    ``False`` when this is a repeated call, whose work was done by the first.

    Raises:
        LeaseLost: another attempt owns the job, or it has ended otherwise than by this call.
    """
    job = conn.first(_JOB, job=fence.job_id)
    if job is None:
        raise LeaseLost
    if outcome.status is JobStatus.SUCCEEDED and job.canceled_at is not None:
        lines = [*lines, _daemon_line(conn, _TOO_LATE)]
    writes = joblogs.insertion(fence.job_id, lines, stored_bytes=job.logs_bytes) if lines else Writes()
    if job.build_id is not None:
        writes += build_end.writes(conn, fence.job_id, job, outcome)
    ended = conn.run_if(
        _END,
        writes,
        **queue.fence_values(fence),
        **joblogs.growth(lines),
        number=number,
        now=conn.now,
        status=outcome.status.value,
        new_error=_error_text(outcome),
        new_error_code=outcome.error_code,
        new_failure_reason=outcome.failure_reason,
        new_failure_detail=outcome.failure_detail,
        new_retryable=_retryable(outcome),
    )
    if ended is None:
        queue.repeated_answer(conn, fence, number)
        return False
    if number == queue.SERVER_CALL:
        # A runner that still works on it has to stop.
        conn.notify(queue.cancel_topic(fence.job_id))
    conn.notify(joblogs.topic(fence.job_id))  # the end of a log is news of it, with or without last lines
    if job.build_id is not None:
        conn.notify(builds.topic(job.build_id))
    return True


def finish_import(
    conn: Connection, fence: Fence, number: int, outcome: Outcome, lines: Sequence[Line] = ()
) -> None:
    """The same for an import, with what it found.

    Raises:
        LeaseLost: as for ``finish``.
    """
    if finish(conn, fence, number, outcome, lines) and outcome.imported is not None:
        imports.store(conn, fence.job_id, outcome.imported)


def fence_of(conn: Connection, job_id: JobId) -> Fence:
    """The fence that a job has now: for ends that no runner writes, whose number is ``queue.SERVER_CALL``.

    Raises:
        LeaseLost: the job has ended.
    """
    row = conn.first(_FENCE_OF, job=job_id)
    if row is None:
        raise LeaseLost
    return Fence(job_id=job_id, attempt=row.attempt, worker_id=row.worker_id)


def _error_text(outcome: Outcome) -> str | None:
    if outcome.status is JobStatus.FAILED:
        # An empty text would read as a success.
        return log_bounds.bounded(outcome.error) or "build failed"
    return None


def _retryable(outcome: Outcome) -> bool | None:
    if outcome.failure_reason is not None or outcome.error_code is not None:
        return False
    return outcome.retryable


def _daemon_line(conn: Connection, output: str) -> Line:
    return Line(
        created_at=conn.now,
        source=LogSource.PROVISIONER_DAEMON,
        level=LogLevel.INFO,
        stage="Cleaning up",
        output=output,
    )
