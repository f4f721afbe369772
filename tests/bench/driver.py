"""What the drivers alone reach: the ceiling that the machine's disk and processor set."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from time import perf_counter
from typing import TYPE_CHECKING

import asyncpg

from db.postgres_url import driver_url

if TYPE_CHECKING:
    from datetime import timedelta
    from pathlib import Path

# As many as the store has: more would only make them wait in the server.
_MOST_CONNECTIONS = 10


def sqlite_commits(path: Path, duration: timedelta) -> float:
    """Commits per second of one connection, each on disk before the next begins."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("CREATE TABLE counters (id INTEGER PRIMARY KEY, commits INTEGER)")
        connection.execute("INSERT INTO counters VALUES (1, 0)")
        started = perf_counter()
        commits = 0
        while (elapsed := perf_counter() - started) < duration.total_seconds():
            connection.execute("UPDATE counters SET commits = commits + 1 WHERE id = 1")
            commits += 1
        return commits / elapsed


async def postgres_commits(url: str, callers: int, duration: timedelta) -> float:
    """Commits per second of ``callers`` connections, ten at most, each on a row of its own."""
    connections = await asyncio.gather(
        *(asyncpg.connect(driver_url(url)) for _ in range(min(callers, _MOST_CONNECTIONS)))
    )
    try:
        await connections[0].execute("CREATE TABLE counters (id bigint PRIMARY KEY, commits bigint)")
        await connections[0].execute(
            "INSERT INTO counters SELECT id, 0 FROM generate_series(1, $1) AS id", len(connections)
        )
        started = perf_counter()
        deadline = started + duration.total_seconds()
        commits = await asyncio.gather(
            *(_commit_until(deadline, connection, row) for row, connection in enumerate(connections, 1))
        )
        return sum(commits) / (perf_counter() - started)
    finally:
        await asyncio.gather(*(connection.close() for connection in connections))


async def _commit_until(deadline: float, connection: asyncpg.Connection, row: int) -> int:
    commits = 0
    while perf_counter() < deadline:
        await connection.execute("UPDATE counters SET commits = commits + 1 WHERE id = $1", row)
        commits += 1
    return commits
