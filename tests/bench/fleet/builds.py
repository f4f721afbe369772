"""Whole builds per second of several daemon processes that drain one queue."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import func, select

from db import users
from db.tables import provisioner_jobs
from provisioner import builds
from provisioner.build_requests import Initiator
from tests.bench import engine
from tests.bench.fleet.children import Child, started

if TYPE_CHECKING:
    from db.transactions import Connection
    from tests.bench.databases import PostgresServerDatabases

SLOTS = 10
OWNERS = 100
_LIMIT = timedelta(minutes=5)
_POLL = timedelta(milliseconds=100)
_BUILDS = provisioner_jobs.c.type == "workspace_build"
_LEFT = (
    select(func.count().label("left"))
    .select_from(provisioner_jobs)
    .where(_BUILDS, provisioner_jobs.c.completed_at.is_(None))
)
_SPAN = select(
    func.min(provisioner_jobs.c.started_at).label("begin"),
    func.max(provisioner_jobs.c.completed_at).label("end"),
    func.count().label("builds"),
).where(_BUILDS, provisioner_jobs.c.error.is_(None))


async def drained(databases: PostgresServerDatabases, daemons: int, count: int) -> float:
    """Builds per second, from the first claim to the last finish, by the database's clock."""
    async with databases.fresh() as url:
        async with engine.running(url):
            pass  # the template is pushed, and its daemon gone
        async with engine.attached(url) as bench:
            store = bench.engine.store
            owners = [
                (await store.write(users.create_user, f"owner-{n}", [bench.engine.organization.id])).id
                for n in range(OWNERS)
            ]
            for number in range(count):
                owner = owners[number % OWNERS]  # commits of one owner would take turns
                request = bench.request(owner, f"bench-{number}")
                await store.write(builds.create_workspace, Initiator(id=owner), request)
            command = ("-m", "tests.bench.fleet.daemon", url)
            async with asyncio.timeout(_LIMIT.total_seconds()):
                async with started(
                    *((*command, f"daemon-{number}", str(SLOTS)) for number in range(daemons))
                ) as children:
                    await _begin(children)
                    while await store.read(lambda conn: conn.scalar(_LEFT)):
                        await store.clock.sleep(_POLL)
            return await store.read(_rate, count)


async def _begin(children: list[Child]) -> None:
    for child in children:
        await child.said("ready")
    for child in children:
        child.go_on()


def _rate(conn: Connection, count: int) -> float:
    span = conn.first(_SPAN)
    assert span is not None
    assert span.builds == count, "some builds failed"
    return float(count / (span.end - span.begin).total_seconds())
