"""Waiting for changes, as long as the server runs."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import timedelta

    from chattool.api.services import Services
    from db.wakeups import Subscription


async def woken(services: Services, changes: Subscription, limit: timedelta) -> bool:
    """Whether a hint came within ``limit``. Ends at once when the server stops."""
    waiting = asyncio.create_task(changes.wait(limit))
    stopping = asyncio.create_task(services.stopping.wait())
    try:
        await asyncio.wait({waiting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        return waiting.done() and waiting.result()
    finally:
        waiting.cancel()
        stopping.cancel()
