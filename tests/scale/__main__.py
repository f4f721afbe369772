"""Makes a long history on a private PostgreSQL and says what each operation reads there."""

from __future__ import annotations

import argparse
import asyncio
import sys
from time import perf_counter

from db import migrations
from db.engine import open_store
from db.postgres import PostgresStore
from tests.postgres import PostgresServer
from tests.scale import history
from tests.scale.history import Size
from tests.scale.operations import operations, place
from tests.scale.reading import reading


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/soak plans", description=__doc__)
    parser.add_argument("--jobs", type=int, default=history.FULL.jobs)
    parser.add_argument("--workspaces", type=int, default=history.FULL.workspaces)
    options = parser.parse_args()
    return asyncio.run(_main(Size(jobs=options.jobs, workspaces=options.workspaces)))


async def _main(size: Size) -> int:
    with PostgresServer() as databases:
        url = await databases.create_database()
        await asyncio.to_thread(migrations.upgrade, url)
        started = perf_counter()
        await history.fill(url, size)
        _say(f"{databases.description}: {size}, made in {perf_counter() - started:.0f} s\n")
        return await _read(url)


async def _read(url: str) -> int:
    failed = 0
    async with open_store(url, migrate=False) as store:
        assert isinstance(store, PostgresStore)
        _say(f"{'operation':50} {'rows read':>10} {'at most':>10}")
        for operation in operations(await place(store)):
            found = await reading(store, operation.run)
            bad = found.rows > operation.most or bool(found.scanned)
            failed += bad
            _say(f"{operation.name:50} {found.rows:>10,} {operation.most:>10,}{'  TOO MUCH' if bad else ''}")
            if bad:
                _say(str(found))
    return int(failed > 0)


def _say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the result of this command


if __name__ == "__main__":
    sys.exit(main())
