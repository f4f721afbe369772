"""A time limit on the backend's clock."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta

    from db.clock import Clock

T = TypeVar("T")


async def within(clock: Clock, limit: timedelta, work: Coroutine[Any, Any, T]) -> T:
    """What ``work`` returns, if it does so within ``limit``.

    Raises:
        TimeoutError: it did not; the work is cancelled.
    """
    done = asyncio.Event()
    task = asyncio.create_task(work)
    task.add_done_callback(lambda _: done.set())
    try:
        if not await clock.wait(done, limit):
            raise TimeoutError
        return task.result()
    finally:
        task.cancel()
