"""Waiting in a request, as long as there is somebody to answer and the server runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from datetime import timedelta

    from fastapi import Request

    from chattool.api.services import Services
    from db.wakeups import Subscription

T = TypeVar("T")


async def woken(services: Services, changes: Subscription, limit: timedelta) -> bool:
    """Whether a hint came within ``limit``. Ends at once when the server stops."""
    return bool(await _unless(changes.wait(limit), services.stopping.wait()))


async def until(request: Request, closing: asyncio.Event, work: Coroutine[Any, Any, T]) -> T | None:
    """What ``work`` answers; ``None``, and the work cancelled, when the client left or ``closing`` was set.

    The request's body has been read.
    """
    return await _unless(work, _gone(request), closing.wait())


async def _unless(work: Coroutine[Any, Any, T], *ends: Coroutine[Any, Any, object]) -> T | None:
    working = asyncio.create_task(work)
    ending = [asyncio.create_task(end) for end in ends]
    try:
        await asyncio.wait([working, *ending], return_when=asyncio.FIRST_COMPLETED)
        return working.result() if working.done() else None
    finally:
        for task in (working, *ending):
            task.cancel()
        await asyncio.gather(working, *ending, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
