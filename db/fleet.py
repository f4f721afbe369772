"""How the fleet stands: who waits, who works. Cheap whatever the number of finished jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, select

from db.tables import provisioner_daemons, provisioner_jobs
from db.types import canonical_json

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import timedelta

    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class Waiting:
    """Pending jobs of one kind."""

    provisioner: str
    tags: str
    """As JSON; the id of an owner is left out."""
    jobs: int
    oldest: timedelta


@dataclass(frozen=True, kw_only=True)
class FleetState:
    """Queue and daemons at one moment."""

    lines: Sequence[Waiting]
    running: int
    daemons_online: int
    daemons_offline: int


_jobs = provisioner_jobs.c
_WAITING = (
    select(
        _jobs.provisioner, _jobs.tags, func.count().label("jobs"), func.min(_jobs.queued_at).label("oldest")
    )
    .where(_jobs.started_at.is_(None), _jobs.canceled_at.is_(None), _jobs.completed_at.is_(None))
    .group_by(_jobs.provisioner, _jobs.tags)
)
_RUNNING = (
    select(func.count().label("jobs"))
    .select_from(provisioner_jobs)
    .where(_jobs.started_at.is_not(None), _jobs.completed_at.is_(None))
)
_is_online = provisioner_daemons.c.last_seen_at > bindparam(
    "online_since", type_=provisioner_daemons.c.last_seen_at.type
)
_DAEMONS = select(
    func.coalesce(func.sum(case((_is_online, 1), else_=0)), 0).label("online"), func.count().label("known")
).select_from(provisioner_daemons)


def state(conn: Connection, *, daemon_offline: timedelta) -> FleetState:
    """How the fleet stands; a daemon is online when it was seen within ``daemon_offline``."""
    daemons = conn.first(_DAEMONS, online_since=conn.now - daemon_offline)
    assert daemons is not None  # noqa: S101 - counts always have a row
    lines: dict[tuple[str, str], Waiting] = {}
    for row in conn.rows(_WAITING):
        # One series per kind of job, not one per user.
        shared = {key: value for key, value in row.tags.items() if key != "owner"}
        key = (row.provisioner, canonical_json(shared))
        known = lines.get(key)
        age = conn.now - row.oldest
        lines[key] = Waiting(
            provisioner=key[0],
            tags=key[1],
            jobs=row.jobs + (known.jobs if known else 0),
            oldest=max(age, known.oldest) if known else age,
        )
    return FleetState(
        lines=list(lines.values()),
        running=int(conn.scalar(_RUNNING)),
        daemons_online=int(daemons.online),
        daemons_offline=int(daemons.known - daemons.online),
    )
