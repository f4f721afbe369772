"""The daemons that were seen, and which of them could take a job."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update
from sqlalchemy.dialects.postgresql import insert

from db import ids
from db.records import Daemon
from db.tables import provisioner_daemons, provisioner_jobs
from provisioner import queue, tags

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from db.ids import DaemonId, OrganizationId
    from db.records import Job
    from db.transactions import Connection

_DAEMONS = select(*(provisioner_daemons.c[name] for name in Daemon.__dataclass_fields__)).where(
    provisioner_daemons.c.organization_id == bindparam("organization")
)
_REGISTER = (
    insert(provisioner_daemons)
    .values(
        {
            c: bindparam(c)
            for c in (
                "id",
                "organization_id",
                "name",
                "version",
                "provisioners",
                "tags",
                "created_at",
                "last_seen_at",
            )
        }
    )
    .on_conflict_do_update(
        index_elements=["organization_id", "name"],
        set_={c: bindparam(c) for c in ("version", "provisioners", "tags", "last_seen_at")},
    )
    .returning(provisioner_daemons.c.id)
)
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
) -> DaemonId:
    """The id of the daemon of that name, which is online from now on."""
    return ids.DaemonId(
        conn.scalar(
            _REGISTER,
            id=ids.new_id(),
            organization_id=organization_id,
            name=name,
            version=version,
            provisioners=list(provisioners),
            tags=dict(daemon_tags),
            created_at=conn.now,
            last_seen_at=conn.now,
        )
    )


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
