"""Which jobs need a repair: those that are overdue, and those of a daemon known to be dead."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, or_, select, union_all

from db.tables import provisioner_daemons, provisioner_jobs
from provisioner import queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from sqlalchemy import Executable

    from db.ids import JobId, OrganizationId
    from db.statements import Row
    from db.transactions import Connection
    from provisioner.settings import ProvisionerSettings

_jobs = provisioner_jobs.c
_AT = _jobs.lease_until.type
_SILENT = and_(queue.RUNNING, _jobs.lease_until < bindparam("silent_since", type_=_AT))
_FORGOTTEN = and_(queue.PENDING, _jobs.queued_at < bindparam("waiting_since", type_=_AT))
_ABANDONED = and_(
    queue.RUNNING,
    _jobs.worker_id.in_(
        select(provisioner_daemons.c.id).where(
            provisioner_daemons.c.organization_id == bindparam("organization"),
            provisioner_daemons.c.name == bindparam("name"),
        )
    ),
)
# Two queries in one: SQLite finds no index for "or".
_FIND_OVERDUE = union_all(select(_jobs.id).where(_SILENT), select(_jobs.id).where(_FORGOTTEN)).limit(
    bindparam("most")
)
_FIND_ABANDONED = select(_jobs.id).where(_ABANDONED).limit(bindparam("most"))
_LOCK = (
    select(_jobs.started_at, _jobs.canceled_at, _jobs.committed_at, _jobs.losses, _jobs.stage)
    .where(_jobs.id == bindparam("job"))
    .with_for_update(skip_locked=True)
)
_LOCK_OVERDUE = _LOCK.where(or_(_SILENT, _FORGOTTEN))
_LOCK_ABANDONED = _LOCK.where(_ABANDONED)


@dataclass(frozen=True, kw_only=True)
class StuckJobs:
    """One way for jobs to be stuck."""

    running_is: str
    """What such a job is, if it was running: ``hung for 45 seconds``."""
    _find: Executable
    _lock: Executable
    _values: Callable[[datetime], dict[str, object]]

    def find(self, conn: Connection, most: int) -> list[JobId]:
        """Up to ``most`` of them."""
        return [row.id for row in conn.rows(self._find, most=most, **self._values(conn.now))]

    def locked(self, conn: Connection, job_id: JobId) -> Row | None:
        """The job under its row lock; ``None`` when it is not stuck any more, or in other hands."""
        return conn.first(self._lock, job=job_id, **self._values(conn.now))


def overdue(settings: ProvisionerSettings) -> StuckJobs:
    """The jobs whose daemon is silent beyond lease and grace, and those that nobody came for."""

    def values(now: datetime) -> dict[str, object]:
        waiting = settings.pending_limit or timedelta(days=36500)
        return {"silent_since": now - settings.lease_grace, "waiting_since": now - waiting}

    return StuckJobs(
        running_is=f"hung for {in_words(settings.job_lease + settings.lease_grace)}",
        _find=_FIND_OVERDUE,
        _lock=_LOCK_OVERDUE,
        _values=values,
    )


def abandoned(organization_id: OrganizationId, name: str) -> StuckJobs:
    """The jobs that the daemon of that name held when it died."""
    return StuckJobs(
        running_is="abandoned by a daemon that died",
        _find=_FIND_ABANDONED,
        _lock=_LOCK_ABANDONED,
        _values=lambda _: {"organization": organization_id, "name": name},
    )


def in_words(duration: timedelta) -> str:
    """The duration for people."""
    seconds = int(duration.total_seconds())
    if seconds % 60 or seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds} seconds"
    return f"{seconds // 60} minutes"
