"""Whole builds per second: create, claim, commit quota, apply, finish, waiter woken; every commit on disk."""

from __future__ import annotations

import asyncio
from time import perf_counter, process_time
from typing import TYPE_CHECKING

from tests.bench import engine
from tests.bench.figures import Figure

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.ids import WorkspaceId
    from tests.bench.databases import Databases
    from tests.bench.plan import Plan

IN_FLIGHT = (1, 10, 50)
# create, claim, commit quota, finish
_COMMITS_PER_BUILD = 4
_WARM_UP_BUILDS = 3


async def builds_per_second(databases: Databases, plan: Plan) -> AsyncIterator[Figure]:
    """One daemon in this process, with a slot for each build in flight."""
    for in_flight in IN_FLIGHT:
        async with databases.fresh() as url, engine.running(url, slots=in_flight) as bench:
            names = [f"bench-{number}" for number in range(in_flight)]
            workspaces = await asyncio.gather(*map(bench.workspace, names))
            await asyncio.gather(*(_build_times(bench, one, _WARM_UP_BUILDS) for one in workspaces))
            started, cpu_started = perf_counter(), process_time()
            deadline = started + plan.throughput.total_seconds()
            done = sum(await asyncio.gather(*(_build_until(deadline, bench, one) for one in workspaces)))
            elapsed, cpu = perf_counter() - started, process_time() - cpu_started
        commits = await databases.commits(in_flight, plan.driver)
        yield Figure(
            name=f"builds, {in_flight} in flight",
            store=databases.name,
            value=done / elapsed,
            unit="builds/s",
            driver=commits / _COMMITS_PER_BUILD,
        )
        yield Figure(
            name=f"processor time of a build, {in_flight} in flight",
            store=databases.name,
            value=cpu / done * 1000,
            unit="ms",
        )


async def _build_times(bench: engine.Bench, workspace_id: WorkspaceId, times: int) -> None:
    for _ in range(times):
        await bench.build(workspace_id)


async def _build_until(deadline: float, bench: engine.Bench, workspace_id: WorkspaceId) -> int:
    done = 0
    while perf_counter() < deadline:
        await bench.build(workspace_id)
        done += 1
    return done
