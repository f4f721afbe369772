"""The reaper: repairs jobs whose daemon went away, and ends those that nobody came for."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, func, select

from db.clock import shuffled
from db.errors import LeaseLost, StoreBusy, StoreUnavailable
from db.states import JobStatus, LogLevel, LogSource
from db.tables import provisioner_daemons, workspace_builds
from provisioner import finish, joblogs, queue, stuck_jobs
from provisioner.jobs import Line, Outcome
from provisioner.stuck_jobs import in_words

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import JobId, OrganizationId
    from db.statements import Row
    from db.transactions import Connection, Store
    from provisioner.jobs import Fence
    from provisioner.settings import ProvisionerSettings
    from provisioner.stuck_jobs import StuckJobs

log = logging.getLogger(__name__)

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
_DAEMON = select(provisioner_daemons.c.name).where(provisioner_daemons.c.id == bindparam("daemon"))
_RULER = "===================="


async def reap(store: Store, settings: ProvisionerSettings) -> int:
    """Repair what is stuck now; how many jobs that were.

    Each job is one transaction that tests its condition again under the row lock, so a job that came back
    to life in between is left alone, and a crash leaves the rest to the next sweep.
    """
    return await _reaped(store, settings, stuck_jobs.overdue(settings))


async def reap_daemon(
    store: Store, settings: ProvisionerSettings, organization_id: OrganizationId, name: str
) -> int:
    """Repair what a daemon known to be dead held, without waiting for its leases; how many jobs that were.

    For a caller who knows that no process works under this name: call it before the next daemon of the name.
    """
    return await _reaped(store, settings, stuck_jobs.abandoned(organization_id, name))


async def run(store: Store, settings: ProvisionerSettings) -> None:
    """Reap at every interval until cancelled."""
    while True:
        await store.clock.sleep(settings.reaper_interval)
        try:
            await reap(store, settings)
        except (StoreBusy, StoreUnavailable) as error:
            log.warning("could not look for lost jobs: %s", error, extra={"action": "reap"})


async def _reaped(store: Store, settings: ProvisionerSettings, stuck: StuckJobs) -> int:
    started = store.clock.monotonic()
    repaired = 0
    while store.clock.monotonic() - started < settings.reaper_run_limit:
        found = await store.read(stuck.find, settings.reaper_batch)
        repaired_before = repaired
        for job_id in shuffled(found):
            repair = await store.write(_repair, job_id, settings, stuck)
            if repair is not None:
                log.warning("repaired a lost job", extra={"action": "reap", **asdict(repair)})
                repaired += 1
        if len(found) < settings.reaper_batch or repaired == repaired_before:
            break
    return repaired


@dataclass(frozen=True, kw_only=True)
class Repair:
    """What became of a job, for logs and metrics."""

    job_id: str
    daemon: str | None
    """Its name; ``None`` when nobody came for the job."""
    attempt: int
    outcome: str


def _repair(
    conn: Connection, job_id: JobId, settings: ProvisionerSettings, stuck: StuckJobs
) -> Repair | None:
    """What became of the job; ``None`` when it is not stuck any more."""
    row = stuck.locked(conn, job_id)
    if row is None:
        return None
    try:
        fence = finish.fence_of(conn, job_id)
    except LeaseLost:
        return None
    daemon = None if fence.worker_id is None else conn.scalar(_DAEMON, daemon=fence.worker_id)
    outcome = _outcome(conn, row, fence, settings, stuck)
    return Repair(job_id=str(job_id), daemon=daemon, attempt=fence.attempt, outcome=outcome)


def _outcome(
    conn: Connection, row: Row, fence: Fence, settings: ProvisionerSettings, stuck: StuckJobs
) -> str:
    job_id = fence.job_id
    if row.started_at is None:
        _terminate(conn, row, job_id, f"pending for {in_words(settings.pending_limit)}")
    elif row.committed_at is not None:
        _terminate(conn, row, job_id, stuck.running_is)
    elif row.canceled_at is not None:
        finish.finish(conn, fence, queue.SERVER_CALL, Outcome(status=JobStatus.CANCELED))
        return "canceled"
    elif row.losses + 1 >= settings.max_attempts:
        _terminate(conn, row, job_id, stuck.running_is)
    else:
        queue.release(conn, fence, lost=True)
        joblogs.append_unfenced(
            conn,
            job_id,
            [_line(conn, row, LogLevel.WARN, "The daemon of this build went away; it waits in line again.")],
        )
        return "requeued"
    return "failed"


def _terminate(conn: Connection, row: Row, job_id: JobId, condition: str) -> None:
    fence = finish.fence_of(conn, job_id)
    said = f"chattool: build detected as {condition}"
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
