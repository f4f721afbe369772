"""Measures a fleet on one private PostgreSQL, beside other queues, and writes ``docs/benchmarks.md``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench import engine, latency
from tests.bench.databases import PostgresServerDatabases
from tests.bench.fleet import builds, others
from tests.bench.fleet.children import started
from tests.bench.fleet.page import page
from tests.bench.machine import Machine
from tests.bench.plan import FULL, QUICK
from tests.postgres import PostgresServer

if TYPE_CHECKING:
    from tests.postgres import PostgresDatabases

_PAGE = Path(__file__).parents[3] / "docs/benchmarks.md"
_DAEMONS = (1, 2, 4)
_IDLE_DAEMONS, _IDLE_TOOLS = 20, 200


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is done."""

    builds: int
    """Of each run; the other queues do four times as many."""
    rounds: int
    """Of each run; the median counts."""
    idle_seconds: float
    quick: bool


def main() -> None:
    parser = argparse.ArgumentParser(prog="scripts/bench fleet", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a minute instead of several; rough")
    parser.add_argument("--no-page", action="store_true", help=f"leave {_PAGE.name} as it is")
    options = parser.parse_args()
    size = (
        Size(builds=300, rounds=1, idle_seconds=5, quick=True)
        if options.quick
        else Size(builds=1000, rounds=3, idle_seconds=20, quick=False)
    )
    with PostgresServer(durable=True) as server:
        databases = PostgresServerDatabases(server)
        machine = Machine.this({"postgres": databases.version})
        figures = asyncio.run(_measure(server, databases, size))
    text = page(machine, figures)
    _say(text)
    if not options.no_page:
        _PAGE.write_text(text, encoding="utf-8")


async def _measure(
    server: PostgresDatabases, databases: PostgresServerDatabases, size: Size
) -> dict[str, float | str]:
    """All figures, by their names in ``page``."""
    found: dict[str, float | str] = {}
    samples: dict[str, list[float]] = {}
    for _ in range(size.rounds):  # all in each round, so that a busy moment of the machine meets all
        rate, found["procrastinate version"] = await others.procrastinate_rate(server, 4 * size.builds)
        samples.setdefault("procrastinate", []).append(rate)
        samples.setdefault("bare", []).append(await others.bare_rate(server, 4 * size.builds))
        for daemons in _DAEMONS:
            rate = await builds.drained(databases, daemons, size.builds)
            samples.setdefault(f"daemons {daemons}", []).append(rate)
        _say(str({name: round(rates[-1], 1) for name, rates in samples.items()}))
    found |= {name: sorted(rates)[len(rates) // 2] for name, rates in samples.items()}
    for benchmark in (latency.idle_in_process, latency.idle_across_processes):
        async for figure in benchmark(databases, QUICK if size.quick else FULL):
            found[figure.name] = figure.value
    found["idle"] = await _idle_share(databases, size.idle_seconds)
    found["memory"] = await _idle_memory(databases)
    return found


async def _idle_share(databases: PostgresServerDatabases, seconds: float) -> float:
    """Percent of a core that a process takes in which many wait."""
    async with databases.fresh() as url:
        async with engine.running(url):
            pass  # the template is pushed, and its daemon gone
        counts = (str(_IDLE_DAEMONS), str(_IDLE_TOOLS), str(seconds))
        async with started(("-m", "tests.bench.fleet.idle", url, *counts)) as (child,):
            return 100 * float(await child.line())


async def _idle_memory(databases: PostgresServerDatabases) -> float:
    """MiB of a daemon process that has nothing to do."""
    async with (
        databases.fresh() as url,
        started(("-m", "tests.bench.fleet.daemon", url, "idle", "3")) as (child,),
    ):
        await child.said("ready")
        return _resident(child.pid)


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _say(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
