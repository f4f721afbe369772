"""A daemon in a process of its own: says when it is ready, and ends when its input does."""

from __future__ import annotations

import asyncio
import sys

from tests.bench import engine


async def _main(url: str) -> None:
    async with engine.running(url):
        print("ready", flush=True)  # noqa: T201 - for the process that started this one
        await asyncio.to_thread(sys.stdin.read)


asyncio.run(_main(sys.argv[1]))
