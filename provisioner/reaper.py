"""The reaper: repairs jobs whose daemon went away, and ends those that nobody came for."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, func, or_, select, union_all, update

from db.clock import shuffled
from db.errors import LeaseLost, StoreBusy, StoreUnavailable
from db.states import JobStatus, LogLevel, LogSource
from db.tables import provisioner_daemons, provisioner_jobs, workspace_builds
from provisioner import finish, joblogs, queue
from provisioner.jobs import Line, Outcome

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from db.ids import JobId, OrganizationId
    from db.statements import Row
    from db.transactions import Connection, Store
    from provisioner.settings import ProvisionerSettings

log = logging.getLogger(__name__)

_jobs = provisioner_jobs.c
_AT = _jobs.lease_until.type
_SILENT = and_(queue.RUNNING, _jobs.lease_until < bindparam("silent_since", type_=_AT))
_FORGOTTEN = and_(queue.PENDING, _jobs.queued_at < bindparam("waiting_since", type_=_AT))
# Two queries in one: SQLite finds no index for "or".
_FIND = union_all(select(_jobs.id).where(_SILENT), select(_jobs.id).where(_FORGOTTEN)).limit(
    bindparam("most")
)
_LOCK = (
    select(
        _jobs.started_at,
        _jobs.canceled_at,
        _jobs.committed_at,
        _jobs.attempt,
        _jobs.worker_id,
        _jobs.losses,
        _jobs.stage,
    )
    .where(_jobs.id == bindparam("job"), or_(_SILENT, _FORGOTTEN))
    .with_for_update(skip_locked=True)
)
_END_LEASES = (
    update(provisioner_jobs)
    .where(
        queue.RUNNING,
        _jobs.worker_id.in_(
            select(provisioner_daemons.c.id).where(
                provisioner_daemons.c.organization_id == bindparam("organization"),
                provisioner_daemons.c.name == bindparam("name"),
            )
        ),
    )
    .values(lease_until=bindparam("until"))
)
_previous = workspace_builds.alias("previous_build")
# A build that never wrote a state (an orphaning delete) must not leave the workspace without one.
_LOST_STATE = (
    select(_previous.c.state)
    .join(
        workspace_builds,
        and_(
            workspace_builds.c.workspace_id == _previous.c.workspace_id,
            workspace_builds.c.build_number == _previous.c.build_number + 1,
        ),
    )
    .where(workspace_builds.c.job_id == bindparam("job"), func.length(workspace_builds.c.state) == 0)
)
_RULER = "===================="


async def reap(store: Store, settings: ProvisionerSettings) -> int:
    """Repair what is stuck now; how many jobs that were.

    Each job is one transaction that tests its condition again under the row lock, so a job that came back
    to life in between is left alone, and a crash leaves the rest to the next sweep.
    """
    started = store.clock.monotonic()
    repaired = 0
    while store.clock.monotonic() - started < settings.reaper_run_limit:
        found = await store.read(_find, settings)
        repaired_before = repaired
        for job_id in shuffled(found):
            repaired += await store.write(_repair, job_id, settings)
        if len(found) < settings.reaper_batch or repaired == repaired_before:
            break
    return repaired


async def reap_daemon(
    store: Store, settings: ProvisionerSettings, organization_id: OrganizationId, name: str
) -> int:
    """Repair what a daemon known to be dead held, without waiting for its leases; how many jobs that were.

    For a caller who knows that no process works under this name: call it before the next daemon of the name.
    """
    await store.write(_end_leases, organization_id, name, settings.lease_grace)
    return await reap(store, settings)


async def run(store: Store, settings: ProvisionerSettings) -> None:
    """Reap at every interval until cancelled."""
    while True:
        await store.clock.sleep(settings.reaper_interval)
        try:
            repaired = await reap(store, settings)
        except (StoreBusy, StoreUnavailable) as error:
            log.warning("could not look for lost jobs: %s", error, extra={"action": "reap"})
        else:
            if repaired:
                log.warning("repaired %d lost jobs", repaired, extra={"action": "reap", "jobs": repaired})


def _limits(now: datetime, settings: ProvisionerSettings) -> dict[str, datetime]:
    waiting = settings.pending_limit or timedelta(days=36500)
    return {"silent_since": now - settings.lease_grace, "waiting_since": now - waiting}


def _end_leases(conn: Connection, organization_id: OrganizationId, name: str, grace: timedelta) -> None:
    over = conn.now - grace - timedelta(milliseconds=1)
    conn.run(_END_LEASES, organization=organization_id, name=name, until=over)


def _find(conn: Connection, settings: ProvisionerSettings) -> list[JobId]:
    return [row.id for row in conn.rows(_FIND, most=settings.reaper_batch, **_limits(conn.now, settings))]


def _repair(conn: Connection, job_id: JobId, settings: ProvisionerSettings) -> bool:
    """Whether the job was stuck and is not any more."""
    row = conn.first(_LOCK, job=job_id, **_limits(conn.now, settings))
    if row is None:
        return False
    try:
        fence = finish.fence_of(conn, job_id)
    except LeaseLost:
        return False
    if row.started_at is None:
        _terminate(conn, row, job_id, "pending", settings.pending_limit)
    elif row.committed_at is not None:
        _terminate(conn, row, job_id, "hung", settings.job_lease + settings.lease_grace)
    elif row.canceled_at is not None:
        finish.finish(conn, fence, queue.SERVER_CALL, Outcome(status=JobStatus.CANCELED))
    elif row.losses + 1 >= settings.max_attempts:
        _terminate(conn, row, job_id, "hung", settings.job_lease + settings.lease_grace)
    else:
        queue.release(conn, fence, lost=True)
        joblogs.append_unfenced(
            conn,
            job_id,
            [_line(conn, row, LogLevel.WARN, "The daemon of this build went away; it waits in line again.")],
        )
    return True


def _terminate(conn: Connection, row: Row, job_id: JobId, state: str, limit: timedelta) -> None:
    fence = finish.fence_of(conn, job_id)
    said = f"chattool: build detected as {state} for {_in_words(limit)}"
    outcome = Outcome(
        status=JobStatus.FAILED,
        error=f"{said} and terminated by the reaper",
        # Another daemon may well build it; that nobody came for it does not heal by itself.
        retryable=True if row.started_at is not None else None,
        state=conn.scalar(_LOST_STATE, job=job_id),
        applied=row.committed_at is not None,
    )
    finish.finish(
        conn, fence, queue.SERVER_CALL, outcome, _banner(conn, row, f"{said}, it will be terminated")
    )


def _banner(conn: Connection, row: Row, text: str) -> Sequence[Line]:
    texts = ("", _RULER, text, _RULER, "")
    return [
        _line(conn, row, LogLevel.ERROR, output, after=timedelta(milliseconds=number))
        for number, output in enumerate(texts)
    ]


def _line(conn: Connection, row: Row, level: LogLevel, output: str, after: timedelta = timedelta()) -> Line:
    return Line(
        created_at=conn.now + after,
        source=LogSource.PROVISIONER_DAEMON,
        level=level,
        stage=row.stage or "Unknown",
        output=output,
    )


def _in_words(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    if seconds % 60 or seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes"
