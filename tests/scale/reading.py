"""What a transaction function reads on PostgreSQL, by the word of the server."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy.util import greenlet_spawn

from db.postgres import PostgresConnection

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    import asyncpg

    from db.postgres import PostgresStore
    from db.transactions import Connection

#: Tables that grow with the history.
LARGE = frozenset(
    {
        "provisioner_jobs",
        "provisioner_job_logs",
        "workspaces",
        "workspace_builds",
        "workspace_charges",
        "workspace_resources",
        "workspace_agents",
    }
)
# Looks of foreign keys at other tables are in here, too, while no plan shows them.
_SCANS = "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE seq_scan > 0"


@dataclass(kw_only=True)
class Reading:
    """What the statements of one transaction read."""

    rows: int = 0
    """Rows and index entries that were looked at, those that were not wanted included."""
    scanned: set[str] = field(default_factory=set)
    """Large tables that were read from one end to the other."""
    plans: list[str] = field(default_factory=list)

    def __str__(self) -> str:
        return "\n\n".join([f"{self.rows} rows, whole tables: {sorted(self.scanned)}", *self.plans])


async def reading(store: PostgresStore, function: Callable[[Connection], object]) -> Reading:
    """Run ``function`` in a transaction that is rolled back; what it read."""
    async with store._connection() as conn:  # noqa: SLF001 - there is no other way to its driver
        explaining = _Explaining(conn._driver)  # noqa: SLF001
        await explaining.driver.execute("BEGIN")
        try:
            before = await explaining.scans()  # the server has not yet written all of it elsewhere
            watched = PostgresConnection(explaining, store.clock, store.url, conn.secrets)  # type: ignore[arg-type]
            await greenlet_spawn(partial(function, watched))
            after = await explaining.scans()
        finally:
            await explaining.driver.execute("ROLLBACK")
    explaining.found.scanned = {name for name in LARGE if after.get(name, 0) > before.get(name, 0)}
    return explaining.found


class _Explaining:
    """A driver that has each statement explained by running it, then undoes it and runs it once more."""

    def __init__(self, driver: asyncpg.Connection) -> None:
        self.driver = driver
        self.found = Reading()

    async def scans(self) -> dict[str, int]:
        """How often each table was read from one end to the other."""
        return {row["relname"]: row["seq_scan"] for row in await self.driver.fetch(_SCANS)}

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        await self._explain(sql, arguments)
        found: list[asyncpg.Record] = await self.driver.fetch(sql, *arguments)
        return found

    async def execute(self, sql: str, *arguments: object) -> str:
        await self._explain(sql, arguments)
        status: str = await self.driver.execute(sql, *arguments)
        return status

    async def _explain(self, sql: str, arguments: tuple[object, ...]) -> None:
        await self.driver.execute("SAVEPOINT explained")
        text = await self.driver.fetchval(f"EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {sql}", *arguments)
        await self.driver.execute("ROLLBACK TO SAVEPOINT explained")
        for node in _nodes(json.loads(text)[0]["Plan"]):
            if "Scan" in node["Node Type"] and node["Node Type"] != "CTE Scan":
                passed = ("Actual Rows", "Rows Removed by Filter", "Rows Removed by Index Recheck")
                rows = sum(node.get(name, 0) for name in passed) * node["Actual Loops"]
                self.found.rows += round(rows)
                where = node.get("Index Name") or node.get("Relation Name") or ""
                self.found.plans.append(f"{node['Node Type']} {where}: {rows:g} rows")


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", []):
        yield from _nodes(part)
