"""Wake-ups between processes over ``LISTEN``/``NOTIFY``, on a connection of their own.

NOTIFY takes a lock of the whole server at the commit, so hints are sent after the change is committed,
gathered, and off the path of whoever made it.
"""

from __future__ import annotations

import asyncio
import json
import logging
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

import asyncpg

from db import postgres_url
from db.clock import SystemClock

if TYPE_CHECKING:
    from db.clock import DatabaseClock
    from db.wakeups import Wakeups

log = logging.getLogger(__name__)

_CHANNEL = "chattool"
_SEND = "SELECT pg_notify($1, payload) FROM unnest($2::text[]) AS payload"
_ROUND_TRIP = timedelta(seconds=30)
_RECONNECT = (timedelta(milliseconds=50), timedelta(seconds=10))
_CALL_TIMEOUT_SECONDS = 5.0
# PostgreSQL refuses payloads of 8000 bytes and more.
_PAYLOAD_LIMIT = 7900


class Listener:
    """Carries hints to and from the other processes on this database."""

    def __init__(self, url: str, wakeups: Wakeups, clock: DatabaseClock | None) -> None:
        self._url = url
        self._wakeups = wakeups
        self._database_clock = clock
        self._elapsed = SystemClock()
        self._origin = uuid4().hex[:12]
        self._outgoing: list[tuple[str, str]] = []
        self._posted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Connect, then keep listening in a task.

        Raises:
            whatever asyncpg raises when the server cannot be reached.
        """
        driver = await self._connect()
        self._task = asyncio.create_task(self._run(driver), name="chattool-postgres-listener")

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with suppress(asyncio.CancelledError):
                await self._task

    def notify(self, notices: list[tuple[str, str]]) -> None:
        """Send hints soon."""
        if notices:
            self._outgoing.extend(notices)
            self._posted.set()

    async def _connect(self) -> asyncpg.Connection:
        driver = await asyncpg.connect(
            postgres_url.driver_url(self._url),
            timeout=_CALL_TIMEOUT_SECONDS,
            command_timeout=_CALL_TIMEOUT_SECONDS,
            server_settings={"application_name": "chattool-listener"},
        )
        driver.add_termination_listener(lambda _driver: self._posted.set())
        await driver.add_listener(_CHANNEL, self._heard)
        await self._synchronize(driver)
        return driver

    async def _synchronize(self, driver: asyncpg.Connection) -> None:
        """A round trip: proves that the connection lives, and reads the server's clock."""
        before = self._elapsed.monotonic()
        reading = await driver.fetchval("SELECT clock_timestamp()")
        if self._database_clock is not None:
            self._database_clock.synchronize(reading, before=before, after=self._elapsed.monotonic())

    async def _run(self, driver: asyncpg.Connection) -> None:
        pause = _RECONNECT[0]
        while True:
            try:
                if driver.is_closed():
                    driver = await self._connect()
                    pause = _RECONNECT[0]
                    log.info("listening again", extra={"action": "listen"})
                    self._wakeups.publish_all()  # whatever was said meanwhile was not heard
                    self._posted.set()  # nor sent
                await self._serve(driver)
            except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
                log.warning(
                    "lost the listening connection: %s", type(error).__name__, extra={"action": "listen"}
                )
                driver.terminate()
                await self._elapsed.sleep(pause)
                pause = min(pause * 2, _RECONNECT[1])
            except asyncio.CancelledError:
                driver.terminate()
                raise

    async def _serve(self, driver: asyncpg.Connection) -> None:
        last = self._elapsed.monotonic()
        while not driver.is_closed():
            await self._elapsed.wait(self._posted, _ROUND_TRIP)
            if driver.is_closed():
                return
            self._posted.clear()
            outgoing, self._outgoing = self._outgoing, []
            if outgoing:
                await driver.execute(
                    _SEND, _CHANNEL, [self._packed(notice) for notice in dict.fromkeys(outgoing)]
                )
            if self._elapsed.monotonic() - last >= _ROUND_TRIP:
                await self._synchronize(driver)
                last = self._elapsed.monotonic()

    def _packed(self, notice: tuple[str, str]) -> str:
        packed = json.dumps([self._origin, *notice])
        return packed if len(packed.encode()) < _PAYLOAD_LIMIT else json.dumps([self._origin, notice[0], ""])

    def _heard(self, _driver: object, _pid: int, _channel: str, payload: object) -> None:
        try:
            origin, topic, text = json.loads(str(payload))
        except ValueError:
            self._wakeups.publish_all()  # somebody else's hint: it may mean anything
            return
        if origin != self._origin:
            self._wakeups.publish([(topic, text)])
