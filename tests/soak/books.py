"""What has to be true of the database at every moment, and at the end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import literal, select

from db import builds
from db.clock import SystemClock
from db.tables import provisioner_jobs, users
from quota.budget import budget_of, consumed_by
from quota.check import drifts

if TYPE_CHECKING:
    from datetime import timedelta

    from db.ids import OrganizationId
    from db.transactions import Connection, Store

_clock = SystemClock()
_BUILD_JOBS = select(provisioner_jobs.c.id).where(provisioner_jobs.c.type == "workspace_build")


def overspent(conn: Connection, organization_id: OrganizationId) -> list[str]:
    """Who has spent more than the budget."""
    organization = literal(organization_id, users.c.id.type)
    wanted = select(
        users.c.username,
        consumed_by(users.c.id, organization).label("consumed"),
        budget_of(users.c.id, organization).label("budget"),
    )
    return [
        f"{row.username}: {row.consumed} of {row.budget}"
        for row in conn.rows(wanted)
        if row.consumed > row.budget
    ]


async def sampled(
    store: Store, organization_id: OrganizationId, every: timedelta, samples: list[str]
) -> None:
    """Look at every budget at every interval until cancelled; ``samples`` get what was found."""
    while True:
        await _clock.sleep(every)
        found = await store.read(overspent, organization_id)
        samples.append(", ".join(found))


async def at_rest(store: Store, limit: timedelta) -> bool:
    """Whether every job has ended before ``limit`` has passed."""
    deadline = _clock.monotonic() + limit
    while await store.read(builds.has_unfinished_job):
        if _clock.monotonic() > deadline:
            return False
        await _clock.sleep(limit / 100)
    return True


async def complaints(store: Store, organization_id: OrganizationId, builds_wanted: int) -> list[str]:
    """What is wrong at the end."""
    found = [f"ledger: {drift}" for drift in await store.read(drifts)]
    found += [f"overspent: {each}" for each in await store.read(overspent, organization_id)]
    made = len(await store.read(lambda conn: conn.rows(_BUILD_JOBS)))
    if made != builds_wanted:
        found.append(f"{made} builds were made instead of {builds_wanted}")
    return found
