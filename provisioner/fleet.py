"""How the fleet stands: who waits, who works. Cheap whatever the number of finished jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from db.records import Daemon
from db.tables import provisioner_daemons, provisioner_jobs
from db.types import canonical_json
from provisioner import queue, tags

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from db.statements import Row
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Pending jobs of one kind."""

    provisioner: str
    tags: str
    """As JSON; the id of an owner is left out."""
    jobs: int
    oldest: timedelta
    without_daemon: int
    """Those of them that no daemon online could take."""


@dataclass(frozen=True, kw_only=True)
class FleetState:
    """Queue and daemons at one moment."""

    lines: Sequence[Waiting]
    running: int
    online: Sequence[Daemon]
    daemons_offline: int


_jobs = provisioner_jobs.c
_KIND = (_jobs.organization_id, _jobs.provisioner, _jobs.tags)
_WAITING = (
    select(*_KIND, func.count().label("jobs"), func.min(_jobs.queued_at).label("oldest"))
    .where(queue.PENDING)
    .group_by(*_KIND)
)
_RUNNING = select(func.count().label("jobs")).select_from(provisioner_jobs).where(queue.RUNNING)
_ONLINE = (
    select(*(provisioner_daemons.c[name] for name in Daemon.__dataclass_fields__))
    .where(
        provisioner_daemons.c.last_seen_at
        > bindparam("online_since", type_=provisioner_daemons.c.last_seen_at.type)
    )
    .order_by(provisioner_daemons.c.name)
)
_KNOWN = select(func.count().label("daemons")).select_from(provisioner_daemons)


def state(conn: Connection, *, daemon_offline: timedelta) -> FleetState:
    """How the fleet stands; a daemon is online when it was seen within ``daemon_offline``."""
    online = conn.records(Daemon, _ONLINE, online_since=conn.now - daemon_offline)
    lines: dict[tuple[str, str], Waiting] = {}
    for row in conn.rows(_WAITING):
        # One series per kind of job, not one per user.
        shared = {key: value for key, value in row.tags.items() if key != "owner"}
        key = (row.provisioner, canonical_json(shared))
        known = lines.get(key)
        age = conn.now - row.oldest
        without_daemon = 0 if any(_may_take(daemon, row) for daemon in online) else row.jobs
        lines[key] = Waiting(
            provisioner=key[0],
            tags=key[1],
            jobs=row.jobs + (known.jobs if known else 0),
            oldest=max(age, known.oldest) if known else age,
            without_daemon=without_daemon + (known.without_daemon if known else 0),
        )
    return FleetState(
        lines=list(lines.values()),
        running=int(conn.scalar(_RUNNING)),
        online=online,
        daemons_offline=int(conn.scalar(_KNOWN)) - len(online),
    )


def _may_take(daemon: Daemon, job: Row) -> bool:
    return (
        daemon.organization_id == job.organization_id
        and job.provisioner in daemon.provisioners
        and tags.matches(job.tags, daemon.tags)
    )
