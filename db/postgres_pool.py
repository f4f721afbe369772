"""A pool of asyncpg connections, since asyncpg's own spends a task and a proxy on every use."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import asyncpg

from db import postgres_url

if TYPE_CHECKING:
    from datetime import timedelta

    Driver = asyncpg.Connection[asyncpg.Record]


class Pool:
    """At most ``size`` connections, made when they are needed and kept until ``close``."""

    def __init__(self, url: str, size: int, timeout: timedelta) -> None:
        self._url = url
        self._size = size
        self._timeout = timeout
        self._turns = asyncio.Semaphore(size)
        self._idle: list[Driver] = []
        self._in_use: set[Driver] = set()
        self._closed = False

    async def acquire(self) -> Driver:
        """A connection that is open; give it back by ``release``.

        Raises:
            whatever asyncpg raises when the server cannot be reached.
        """
        if self._closed:
            message = "the store is closed"
            raise asyncpg.InterfaceError(message)
        await self._turns.acquire()
        try:
            driver = self._open_idle() or await self._connect()
        except BaseException:
            self._turns.release()
            raise
        self._in_use.add(driver)
        return driver

    def release(self, driver: Driver) -> None:
        """Keep the connection for the next one, unless it was closed."""
        self._in_use.discard(driver)
        self._idle.append(driver)
        self._turns.release()

    async def close(self) -> None:
        """Wait until all connections are given back, then close them; after the time-out cut them off."""
        if self._closed:
            return
        self._closed = True
        try:
            async with asyncio.timeout(self._timeout.total_seconds()):
                for _ in range(self._size):
                    await self._turns.acquire()
                while driver := self._open_idle():
                    await driver.close()
        except TimeoutError:
            for driver in (*self._idle, *self._in_use):
                driver.terminate()

    def _open_idle(self) -> Driver | None:
        while self._idle:
            # The one used last: its memory, here and in the server, is warm.
            driver = self._idle.pop()
            if not driver.is_closed():
                return driver
        return None

    async def _connect(self) -> Driver:
        return await asyncpg.connect(
            postgres_url.driver_url(self._url),
            timeout=self._timeout.total_seconds(),
            server_settings={
                "application_name": "chattool",
                "idle_in_transaction_session_timeout": "60s",
                "default_transaction_isolation": "read committed",
                # Rows are read by their keys, from disks without heads: the default, 4, has the planner
                # read whole tables instead as soon as they are large.
                "random_page_cost": "1.1",
            },
        )
