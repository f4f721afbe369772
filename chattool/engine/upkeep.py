"""What has to run somewhere for builds to end, stop in time and be forgotten."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chattool.engine.agent_calls import forget_expired_calls
from provisioner import autostop, reaper, retention
from provisioner.retention import RetentionSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from db.transactions import Store
    from provisioner.settings import ProvisionerSettings


@asynccontextmanager
async def upkeep(store: Store, settings: ProvisionerSettings) -> AsyncIterator[None]:
    """Reaper, autostop and retention while the context lasts; any number of them may share a database.

    Raises:
        ValueError: the environment says nonsense about retention.
    """
    kept = RetentionSettings.from_environment()
    tasks = [
        asyncio.create_task(reaper.run(store, settings), name="chattool-reaper"),
        asyncio.create_task(autostop.run(store), name="chattool-autostop"),
        asyncio.create_task(retention.run(store, kept), name="chattool-retention"),
        asyncio.create_task(forget_expired_calls(store), name="chattool-agent-calls"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
