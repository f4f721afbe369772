"""Quota commits per second: fifty callers on the ledger of one user, and on those of fifty."""

from __future__ import annotations

import asyncio
import itertools
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from db import users
from db.ids import DaemonId, new_id
from provisioner import builds, commit, queue, tags, work
from provisioner.build_requests import Initiator
from provisioner.jobs import BuildWork
from tests.bench import engine
from tests.bench.figures import Figure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.ids import UserId
    from db.transactions import Connection, Store
    from provisioner.jobs import Fence
    from tests.bench.databases import Databases
    from tests.bench.plan import Plan

_CALLERS = 50
_LEASE = timedelta(hours=1)


async def commits_per_second(databases: Databases, plan: Plan) -> AsyncIterator[Figure]:
    """Every caller holds a claimed build and commits its cost again and again."""
    for owners in (1, _CALLERS):
        async with databases.fresh() as url:
            async with engine.running(url):
                pass  # the template is pushed, and its daemon gone
            async with engine.attached(url) as bench:
                held = await _held_builds(bench, owners)
                rate = await _rate(bench.engine.store, held, plan.throughput)
        yield Figure(
            name=f"quota commits, {_CALLERS} callers on {owners} ledger{'s' if owners > 1 else ''}",
            store=databases.name,
            value=rate,
            unit="commits/s",
            driver=await databases.commits(_CALLERS, plan.driver),
        )


async def _held_builds(bench: engine.Bench, owners: int) -> list[tuple[Fence, BuildWork]]:
    store, organization = bench.engine.store, bench.engine.organization
    owner_ids = [
        (await store.write(users.create_user, f"owner-{number}", [organization.id])).id
        for number in range(owners)
    ]
    return [
        await store.write(_held_build, bench, owner_id, f"bench-{number}")
        for number, owner_id in zip(range(_CALLERS), itertools.cycle(owner_ids), strict=False)
    ]


def _held_build(
    conn: Connection, bench: engine.Bench, owner_id: UserId, name: str
) -> tuple[Fence, BuildWork]:
    builds.create_workspace(conn, Initiator(id=owner_id), bench.request(owner_id, name))
    claim = queue.claim(
        conn,
        worker_id=DaemonId(new_id()),
        organization_id=bench.engine.organization.id,
        provisioners=[bench.template.provisioner],
        daemon_tags=tags.UNTAGGED,
        lease=_LEASE,
        request_id=new_id(),
    )
    assert claim is not None  # the only job in line
    build = work.work(conn, claim)
    assert isinstance(build, BuildWork)
    return claim.fence, build


async def _rate(store: Store, held: list[tuple[Fence, BuildWork]], duration: timedelta) -> float:
    started = perf_counter()
    deadline = started + duration.total_seconds()
    done = await asyncio.gather(*(_commit_until(deadline, store, fence, build) for fence, build in held))
    return sum(done) / (perf_counter() - started)


async def _commit_until(deadline: float, store: Store, fence: Fence, build: BuildWork) -> int:
    for number in itertools.count(1):
        if perf_counter() >= deadline:
            return number - 1
        await store.write(commit.commit_quota, fence, number, build, engine.COST, enforced=True)
    raise AssertionError  # unreachable: the count has no end
