"""Queues that do less: procrastinate's no-op jobs, and a bare claim and finish over asyncpg."""

from __future__ import annotations

import asyncio
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

import asyncpg

from db.postgres_url import driver_url
from tests.bench.fleet.builds import SLOTS
from tests.bench.fleet.children import started

if TYPE_CHECKING:
    from tests.postgres import PostgresDatabases

_PROCRASTINATE = Path(__file__).with_name("procrastinate_drain.py")
_PYTHON = Path(__file__).parents[3] / ".venv-bench/bin/python"
_TABLE = """
CREATE TABLE jobs (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, started_at timestamptz,
                   completed_at timestamptz, worker text);
CREATE INDEX jobs_pending ON jobs (id) WHERE started_at IS NULL;
"""
_CLAIM = """
UPDATE jobs SET started_at = now(), worker = $1 WHERE id = (
    SELECT id FROM jobs WHERE started_at IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED
) RETURNING id
"""
_FINISH = "UPDATE jobs SET completed_at = now() WHERE id = $1 AND worker = $2"


async def procrastinate_rate(server: PostgresDatabases, count: int) -> tuple[float, str]:
    """No-op jobs per second of one worker with as many at once as a daemon has slots; and its version."""
    url = await server.create_database()
    try:
        command = (str(_PROCRASTINATE), driver_url(url), str(count), str(SLOTS))
        async with started(command, python=str(_PYTHON)) as (child,):
            version, rate = (await child.line()).split()
        return float(rate), version
    finally:
        await server.drop_database(url)


async def bare_rate(server: PostgresDatabases, count: int) -> float:
    """Claims and finishes per second over as many connections, by two statements and nothing else."""
    url = await server.create_database()
    try:
        drivers = await asyncio.gather(*(asyncpg.connect(driver_url(url)) for _ in range(SLOTS)))
        try:
            await drivers[0].execute(_TABLE)
            await drivers[0].execute("INSERT INTO jobs SELECT FROM generate_series(1, $1)", count)
            began = perf_counter()
            await asyncio.gather(*(_drain(driver, str(number)) for number, driver in enumerate(drivers)))
            return count / (perf_counter() - began)
        finally:
            await asyncio.gather(*(driver.close() for driver in drivers))
    finally:
        await server.drop_database(url)


async def _drain(driver: asyncpg.Connection, worker: str) -> None:
    while (job := await driver.fetchval(_CLAIM, worker)) is not None:
        await driver.execute(_FINISH, job, worker)
