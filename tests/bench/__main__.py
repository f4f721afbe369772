"""Prints a table of figures, and each of them as a line of JSON: ``python -m tests.bench --help``."""

from __future__ import annotations

import argparse
import asyncio
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING

from tests.bench import claims, latency, quota_commits, throughput
from tests.bench.databases import PostgresServerDatabases, SqliteDatabases
from tests.bench.figures import Figure, table
from tests.bench.machine import Machine
from tests.bench.plan import FULL, QUICK
from tests.postgres import PostgresServer, PostgresUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from tests.bench.databases import Databases
    from tests.bench.plan import Plan

    Benchmark = Callable[[Databases, Plan], AsyncIterator[Figure]]

BENCHMARKS: dict[str, tuple[Benchmark, ...]] = {
    "builds": (throughput.builds_per_second,),
    "latency": (latency.idle_in_process, latency.idle_across_processes),
    "quota": (quota_commits.commits_per_second,),
    "claims": (claims.claim_cost,),
}
STORES = ("sqlite", "postgres")


def main() -> None:
    options = _options()
    with ExitStack() as stack:
        databases = [_databases(stack, store) for store in options.store]
        machine = Machine.this({one.name: one.version for one in databases})
        _say(str(machine))
        figures = asyncio.run(_measure(databases, options.only, QUICK if options.quick else FULL))
    if not options.json:
        print(f"{machine}\n\n{table(figures)}\n")  # noqa: T201 - the result of this command
    for figure in figures:
        print(figure.json(machine))  # noqa: T201 - the result of this command


async def _measure(databases: list[Databases], names: list[str], plan: Plan) -> list[Figure]:
    figures = []
    for name in names:
        for one in databases:
            for benchmark in BENCHMARKS[name]:
                async for figure in benchmark(one, plan):
                    _say(f"{figure.store}: {figure.name}: {figure.value:.2f} {figure.unit}")
                    figures.append(figure)
    return figures


def _databases(stack: ExitStack, store: str) -> Databases:
    if store == "sqlite":
        return SqliteDatabases()
    try:
        return PostgresServerDatabases(stack.enter_context(PostgresServer(durable=True)))
    except PostgresUnavailable as error:
        sys.exit(f"{error}\nOr measure SQLite alone: --store sqlite")


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201 - progress, apart from the result


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/bench", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=BENCHMARKS, default=list(BENCHMARKS))
    parser.add_argument("--store", nargs="+", choices=STORES, default=list(STORES))
    parser.add_argument("--quick", action="store_true", help="half a minute instead of three; rough")
    parser.add_argument("--json", action="store_true", help="the lines of JSON alone")
    return parser.parse_args()


if __name__ == "__main__":
    main()
