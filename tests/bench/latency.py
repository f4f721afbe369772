"""Waiting times of one build on an idle engine."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from datetime import timedelta
from time import perf_counter
from typing import TYPE_CHECKING

from chattool import wait_for_build
from db.clock import SystemClock, jittered
from tests.bench import engine
from tests.bench.figures import Figure, percentile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator, Sequence

    from tests.bench.databases import Databases
    from tests.bench.plan import Plan

# Long enough for everything to come to rest, and uneven, so that no poll keeps step with the samples.
_REST = timedelta(milliseconds=20)
_CHILD_LIMIT = timedelta(seconds=20)
_clock = SystemClock()


async def idle_in_process(databases: Databases, plan: Plan) -> AsyncIterator[Figure]:
    """The daemon in the process that waits."""
    started: list[float] = []
    answered: list[float] = []
    whole: list[float] = []
    async with databases.fresh() as url, engine.running(url) as bench:
        workspace_id = await bench.workspace("bench")
        async for begun in _moments(plan.samples):
            build_id = await bench.create_build(workspace_id)
            await wait_for_build(bench.engine.backend, build_id)
            ended = perf_counter()
            started.append(bench.provisioner.began_at - begun)
            answered.append(ended - bench.provisioner.ended_at)
            whole.append(ended - begun)
    for what, samples in (
        ("create_build to the provisioner's start", started),
        ("the provisioner's end to the waiter's return", answered),
        ("create_build to the waiter's return", whole),
    ):
        for figure in _percentiles(f"{what}, one process", databases.name, samples):
            yield figure


async def idle_across_processes(databases: Databases, plan: Plan) -> AsyncIterator[Figure]:
    """The daemon in a process of its own."""
    whole: list[float] = []
    async with databases.fresh() as url, _daemon_process(url), engine.attached(url) as bench:
        workspace_id = await bench.workspace("bench")
        async for begun in _moments(plan.samples):
            await bench.build(workspace_id)
            whole.append(perf_counter() - begun)
    for figure in _percentiles("create_build to the waiter's return, two processes", databases.name, whole):
        yield figure


async def _moments(samples: int) -> AsyncIterator[float]:
    for _ in range(samples):
        await _clock.sleep(jittered(_REST, 0.9))
        yield perf_counter()


def _percentiles(what: str, store: str, samples: Sequence[float]) -> Iterator[Figure]:
    for label, rank in (("p50", 0.5), ("p99", 0.99)):
        value = percentile(samples, rank) * 1000
        yield Figure(name=f"{what}, {label}", store=store, value=value, unit="ms")


@asynccontextmanager
async def _daemon_process(url: str) -> AsyncIterator[None]:
    child = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.daemon",
        url,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert child.stdin is not None  # both are pipes
    assert child.stdout is not None
    try:
        async with asyncio.timeout(_CHILD_LIMIT.total_seconds()):
            await child.stdout.readline()
        yield
        child.stdin.close()
        async with asyncio.timeout(_CHILD_LIMIT.total_seconds()):
            await child.wait()
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
