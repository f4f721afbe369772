"""The stored log of a job: a bounded whole. Runners write through ``log_buffer``."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, select, update

from db import builds, log_bounds
from db.row_lists import insert_rows
from db.states import LogLevel
from db.tables import provisioner_job_logs, provisioner_jobs, workspace_builds
from db.transactions import Writes
from provisioner import queue

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import JobId
    from db.transactions import Connection
    from provisioner.jobs import Fence, Line

_OVERFLOWED = "The log of this build is full; later lines are dropped. The build itself goes on."

_jobs = provisioner_jobs.c
#: What an update of a job sets when lines are added to its log; takes what ``growth`` answers.
GROWTH = {
    "logs_bytes": _jobs.logs_bytes + bindparam("added"),
    "logs_overflowed": case(
        (_jobs.logs_bytes + bindparam("added") > log_bounds.LOG_LIMIT_BYTES, True),
        else_=_jobs.logs_overflowed,
    ),
    "stage": func.coalesce(bindparam("new_stage"), _jobs.stage),
}
_RETURNED = (_jobs.logs_bytes,)
# The update takes the job's row lock, so the ids of its lines become visible in increasing order.
_GROW_FENCED = (
    update(provisioner_jobs)
    .where(queue.NUMBERED_FENCE)
    .values(**GROWTH, updated_at=bindparam("now"), call_number=bindparam("number"), call_answer=None)
    .returning(*_RETURNED)
)
_GROW = (
    update(provisioner_jobs)
    .where(_jobs.id == bindparam("job"))
    .values(**GROWTH, updated_at=bindparam("now"))
    .returning(*_RETURNED)
)
_INSERT = insert_rows(provisioner_job_logs, "job_id", "created_at", "source", "level", "stage", "output")
_BUILD_OF_JOB = select(workspace_builds.c.id).where(workspace_builds.c.job_id == bindparam("job"))


def topic(job_id: JobId) -> str:
    """The topic of wake-ups about new lines of a job's log."""
    return f"logs:{job_id}"


def append(conn: Connection, fence: Fence, number: int, lines: Sequence[Line]) -> None:
    """Add a runner's lines to the log of its job.

    Raises:
        LeaseLost: another attempt owns the job, or it has ended.
    """
    row = conn.first(_GROW_FENCED, **queue.fence_values(fence), number=number, now=conn.now, **growth(lines))
    if row is None:
        queue.repeated_answer(conn, fence, number)
        return
    _insert(conn, fence.job_id, lines, row.logs_bytes)


def append_unfenced(conn: Connection, job_id: JobId, lines: Sequence[Line]) -> None:
    """Add lines in a transaction that has already changed the job under its fence."""
    row = conn.first(_GROW, job=job_id, now=conn.now, **growth(lines))
    if row is not None:
        _insert(conn, job_id, lines, row.logs_bytes)


def growth(lines: Sequence[Line]) -> dict[str, object]:
    """The values of ``GROWTH``."""
    return {"added": _size(lines), "new_stage": lines[-1].stage if lines else None}


def insertion(job_id: JobId, lines: Sequence[Line], *, stored_bytes: int) -> Writes:
    """Write as many lines as still have room beside what is stored."""
    count, overflows = log_bounds.fitting([line.output for line in lines], stored_bytes=stored_bytes)
    kept = list(lines[:count])
    if overflows:
        kept.append(replace(lines[count], level=LogLevel.WARN, output=_OVERFLOWED))
    return Writes(_INSERT, provisioner_job_logs=[{"job_id": job_id, **vars(line)} for line in kept])


def _insert(conn: Connection, job_id: JobId, lines: Sequence[Line], size_after: int) -> None:
    conn.run_all(insertion(job_id, lines, stored_bytes=size_after - _size(lines)))
    conn.notify(topic(job_id))
    build_id = conn.scalar(_BUILD_OF_JOB, job=job_id)
    if build_id is not None:
        conn.notify(builds.topic(build_id))


def _size(lines: Sequence[Line]) -> int:
    return sum(log_bounds.size(line.output) for line in lines)
