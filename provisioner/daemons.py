"""The daemons that were seen, and which of them could take a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from db import ids
from db.conditions import among
from db.errors import RequestError
from db.records import Daemon
from db.states import JobStatus
from db.tables import provisioner_daemons, provisioner_jobs, provisioner_keys
from provisioner import queue, tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from db.ids import DaemonId, JobId, OrganizationId, ProvisionerKeyId
    from db.records import Job
    from db.statements import Row
    from db.transactions import Connection

_ALL = select(*(provisioner_daemons.c[name] for name in Daemon.__dataclass_fields__))
_DAEMONS = _ALL.where(provisioner_daemons.c.organization_id == bindparam("organization")).order_by(
    provisioner_daemons.c.name
)
_DAEMONS_AMONG = _ALL.where(among(provisioner_daemons.c.organization_id, "organizations"))
_COLUMNS = (
    "id",
    "organization_id",
    "name",
    "version",
    "provisioners",
    "tags",
    "created_at",
    "last_seen_at",
    "key_id",
)
_INSERT = insert(provisioner_daemons).values({name: bindparam(name) for name in _COLUMNS})
# Not correlated: inside ON CONFLICT a subquery cannot name the row that is there.
_VALID_KEYS = select(provisioner_keys.c.id).where(provisioner_keys.c.revoked_at.is_(None))
# A name belongs to its key while that is valid, since with the name goes the hold on the daemon's jobs.
_MAY_TAKE_NAME = or_(
    _INSERT.excluded.key_id.is_(None),
    _INSERT.excluded.key_id == provisioner_daemons.c.key_id,
    and_(provisioner_daemons.c.key_id.is_not(None), provisioner_daemons.c.key_id.not_in(_VALID_KEYS)),
)
_REGISTER = _INSERT.on_conflict_do_update(
    index_elements=["organization_id", "name"],
    set_={name: bindparam(name) for name in ("version", "provisioners", "tags", "last_seen_at", "key_id")},
    where=_MAY_TAKE_NAME,
).returning(provisioner_daemons.c.id)
_SEEN = (
    update(provisioner_daemons)
    .where(provisioner_daemons.c.id == bindparam("daemon"))
    .values(last_seen_at=bindparam("now"))
)
_PENDING = (
    select(*(provisioner_jobs.c[name] for name in ("id", "organization_id", "provisioner", "tags")))
    .where(queue.PENDING, among(provisioner_jobs.c.organization_id, "organizations"))
    .order_by(*queue.CLAIM_ORDER)
)


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """Where a pending job stands, and who could take it."""

    position: int = 0
    size: int = 0
    matched: int = 0
    """Known daemons that could take the job."""
    available_ids: tuple[DaemonId, ...] = ()
    """Those of them that are online."""
    most_recently_seen: datetime | None = None

    @property
    def available(self) -> int:
        """How many of them are online."""
        return len(self.available_ids)


def register(
    conn: Connection,
    *,
    organization_id: OrganizationId,
    name: str,
    version: str,
    provisioners: Sequence[str],
    daemon_tags: Mapping[str, str],
    key_id: ProvisionerKeyId | None = None,
) -> DaemonId:
    """The id of the daemon of that name, which is online from now on. ``key_id`` is that of a remote one.

    Raises:
        RequestError: 409, the name belongs to a daemon of another key, or of none.
    """
    daemon_id = conn.scalar(
        _REGISTER,
        id=ids.new_id(),
        organization_id=organization_id,
        name=name,
        version=version,
        provisioners=list(provisioners),
        tags=dict(daemon_tags),
        created_at=conn.now,
        last_seen_at=conn.now,
        key_id=key_id,
    )
    if daemon_id is None:
        raise RequestError(
            409, f"the daemon {name!r} has another key: choose another name, or revoke that key first"
        )
    return ids.DaemonId(daemon_id)


def seen(conn: Connection, daemon_id: DaemonId) -> None:
    """Note that the daemon lives."""
    conn.run(_SEEN, daemon=daemon_id, now=conn.now)


def listed(conn: Connection, organization_id: OrganizationId) -> list[Daemon]:
    """Every daemon that was ever seen in an organization."""
    return conn.records(Daemon, _DAEMONS, organization=organization_id)


def queue_state(conn: Connection, job: Job, *, offline: timedelta) -> QueueState:
    """Place in line and matching daemons of a job; see ``queue_states``."""
    return queue_states(conn, [job], offline=offline)[job.id]


def queue_states(conn: Connection, jobs: Sequence[Job], *, offline: timedelta) -> dict[JobId, QueueState]:
    """Place in line and matching daemons of each job; position and size are 0 when it is not pending.

    Only what daemons that are online could take counts: each ranks the pending jobs it could take, and the
    best rank of a job is its position. Two statements, however many jobs there are.
    """
    organization_ids = list({job.organization_id for job in jobs})
    known = conn.records(Daemon, _DAEMONS_AMONG, organizations=organization_ids) if jobs else []
    online = [daemon for daemon in known if conn.now - daemon.last_seen_at <= offline]
    waiting = any(job.status is JobStatus.PENDING for job in jobs)
    pending = conn.rows(_PENDING, organizations=organization_ids) if online and waiting else []
    lines = [_line(daemon, pending) for daemon in online]
    return {job.id: _queue_state(job, known, online, lines) for job in jobs}


def _line(daemon: Daemon, pending: Sequence[Row]) -> dict[JobId, int]:
    """The ranks of the pending jobs that a daemon could take."""
    takeable = [
        row.id
        for row in pending
        if row.organization_id == daemon.organization_id and _may_take(daemon, row.provisioner, row.tags)
    ]
    return {job_id: rank for rank, job_id in enumerate(takeable, start=1)}


def _queue_state(
    job: Job, known: Sequence[Daemon], online: Sequence[Daemon], lines: Sequence[Mapping[JobId, int]]
) -> QueueState:
    matching = [daemon for daemon in known if _fits(daemon, job)]
    joined = [line for line in lines if job.id in line]
    return QueueState(
        position=min((line[job.id] for line in joined), default=0),
        size=max((len(line) for line in joined), default=0),
        matched=len(matching),
        available_ids=tuple(daemon.id for daemon in online if _fits(daemon, job)),
        most_recently_seen=max((daemon.last_seen_at for daemon in matching), default=None),
    )


def _fits(daemon: Daemon, job: Job) -> bool:
    return daemon.organization_id == job.organization_id and _may_take(daemon, job.provisioner, job.tags)


def _may_take(daemon: Daemon, provisioner: str, job_tags: Mapping[str, str]) -> bool:
    return provisioner in daemon.provisioners and tags.matches(job_tags, daemon.tags)
