"""Transactions that a test keeps open, to prove what waits for them and what does not."""

import asyncio
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from sqlalchemy.util import await_only

from db.transactions import Connection, Store


@asynccontextmanager
async def held(store: Store, function: Callable[[Connection], object]) -> AsyncIterator[None]:
    """A write transaction that has run ``function`` and commits at the end of the block."""
    loop = asyncio.get_running_loop()
    entered, leave, leave_thread = asyncio.Event(), asyncio.Event(), threading.Event()

    def hold(conn: Connection) -> None:
        function(conn)
        loop.call_soon_threadsafe(entered.set)
        if conn.dialect == "postgresql":
            await_only(leave.wait())
        else:
            leave_thread.wait(20)

    task = asyncio.create_task(store.write(hold))
    entering = asyncio.create_task(entered.wait())
    try:
        async with asyncio.timeout(20):
            await asyncio.wait([task, entering], return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            await task
        yield
    finally:
        leave.set()
        leave_thread.set()
        entering.cancel()
        await asyncio.gather(task, return_exceptions=True)
