"""The daemons that were seen, and which of them could take a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from db import ids
from db.errors import RequestError
from db.records import Daemon
from db.tables import provisioner_daemons, provisioner_jobs, provisioner_keys
from provisioner import queue, tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from db.ids import DaemonId, OrganizationId, ProvisionerKeyId
    from db.records import Job
    from db.transactions import Connection

_DAEMONS = select(*(provisioner_daemons.c[name] for name in Daemon.__dataclass_fields__)).where(
    provisioner_daemons.c.organization_id == bindparam("organization")
)
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
_KEY_IS_VALID = exists().where(
    provisioner_keys.c.id == provisioner_daemons.c.key_id, provisioner_keys.c.revoked_at.is_(None)
)
# A name belongs to its key while that is valid, since with the name goes the hold on the daemon's jobs.
_MAY_TAKE_NAME = or_(
    _INSERT.excluded.key_id.is_(None),
    _INSERT.excluded.key_id == provisioner_daemons.c.key_id,
    and_(provisioner_daemons.c.key_id.is_not(None), ~_KEY_IS_VALID),
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
    select(provisioner_jobs.c.id, provisioner_jobs.c.provisioner, provisioner_jobs.c.tags)
    .where(queue.PENDING, provisioner_jobs.c.organization_id == bindparam("organization"))
    .order_by(*queue.CLAIM_ORDER)
)


@dataclass(frozen=True, kw_only=True)
class QueueState:
    """Where a pending job stands, and who could take it."""

    position: int = 0
    size: int = 0
    matched: int = 0
    """Known daemons that could take the job."""
    available: int = 0
    """Those of them that are online."""
    most_recently_seen: datetime | None = None


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
    """Place in line and matching daemons of a job; all zero when it is not pending.

    Only what daemons that are online could take counts: each ranks the pending jobs it could take, and the
    best rank of this job is its position.
    """
    known = [
        daemon for daemon in listed(conn, job.organization_id) if _may_take(daemon, job.provisioner, job.tags)
    ]
    online = [daemon for daemon in known if conn.now - daemon.last_seen_at <= offline]
    position = size = 0
    if online and job.started_at is None and job.completed_at is None:
        pending = conn.rows(_PENDING, organization=job.organization_id)
        for daemon in online:
            line = [row.id for row in pending if _may_take(daemon, row.provisioner, row.tags)]
            if job.id in line:
                rank = line.index(job.id) + 1
                position = min(position, rank) if position else rank
                size = max(size, len(line))
    return QueueState(
        position=position,
        size=size,
        matched=len(known),
        available=len(online),
        most_recently_seen=max((daemon.last_seen_at for daemon in known), default=None),
    )


def _may_take(daemon: Daemon, provisioner: str, job_tags: Mapping[str, str]) -> bool:
    return provisioner in daemon.provisioners and tags.matches(job_tags, daemon.tags)
