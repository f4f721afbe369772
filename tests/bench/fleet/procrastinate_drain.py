"""Drains no-op jobs with procrastinate; run by its own environment: ``… URL COUNT CONCURRENCY``."""

from __future__ import annotations

import asyncio
import sys
from importlib.metadata import version
from time import perf_counter

import procrastinate  # type: ignore[import-not-found]

_BATCH = 500


async def main(url: str, count: int, concurrency: int) -> None:
    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, max_size=concurrency))

    @app.task(name="nothing")  # type: ignore[untyped-decorator]
    async def nothing() -> None:
        pass

    async with app.open_async():
        await app.schema_manager.apply_schema_async()
        for begin in range(0, count, _BATCH):
            await nothing.batch_defer_async(*({} for _ in range(min(_BATCH, count - begin))))
        began = perf_counter()
        await app.run_worker_async(concurrency=concurrency, wait=False, install_signal_handlers=False)
        elapsed = perf_counter() - began
        left = await app.job_manager.list_jobs_async(status="todo")
    if list(left):
        sys.exit("not all jobs were done")
    print(version("procrastinate"), count / elapsed, flush=True)  # noqa: T201 - the result


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])))
