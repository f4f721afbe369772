"""Work for a client that may leave before it is done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from fastapi import Request

T = TypeVar("T")


async def until(request: Request, closing: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What ``work`` answers; ``None``, and the work cancelled, when the client left or ``closing`` was set.

    The request's body has been read.
    """
    working = asyncio.create_task(work)
    ends = [asyncio.create_task(_gone(request)), asyncio.create_task(closing.wait())]
    try:
        await asyncio.wait([working, *ends], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, *ends):
            task.cancel()
        await asyncio.gather(working, *ends, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
