"""The only place that asks for the time, waits, or draws random numbers.

Everything else takes a ``Clock``. ``SystemClock`` is real; ``FakeClock`` moves when a test says so,
and wakes whoever waited for the time it moves past.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import random
import time
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


class Clock(Protocol):
    """Time of day, elapsed time, and waiting."""

    def now(self) -> datetime:
        """The current time, aware, in UTC."""
        ...

    def monotonic(self) -> timedelta:
        """Elapsed time since some fixed moment; never goes back."""
        ...

    async def sleep(self, duration: timedelta) -> None:
        """Wait for ``duration``; ends early only by cancellation."""
        ...

    async def wait(self, event: asyncio.Event, timeout: timedelta | None) -> bool:
        """Whether ``event`` was set before ``timeout`` had passed; ``None`` waits without end."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> timedelta:
        return timedelta(microseconds=time.clock_gettime_ns(_ELAPSED) // 1000)

    async def sleep(self, duration: timedelta) -> None:
        await asyncio.sleep(max(0.0, duration.total_seconds()))

    async def wait(self, event: asyncio.Event, timeout: timedelta | None) -> bool:
        if event.is_set():
            return True
        try:
            async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
                return await event.wait()
        except TimeoutError:
            return event.is_set()


# A suspended machine must not believe that its lease still runs, so prefer the clock that counts
# the time spent suspended.
_ELAPSED = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


class DatabaseClock(SystemClock):
    """The clock of a database server, read now and then and carried forward in between.

    Leases are compared with this clock, so daemons whose own clocks are wrong agree all the same,
    and no statement is spent on asking for the time.
    """

    def __init__(self) -> None:
        self._origin = datetime.now(UTC) - self.monotonic()

    def now(self) -> datetime:
        return self._origin + self.monotonic()

    def synchronize(self, reading: datetime, *, before: timedelta, after: timedelta) -> None:
        """Follow the server: it showed ``reading`` between the two monotonic moments."""
        self._origin = reading - (before + after) / 2


class FakeClock:
    """A clock for tests: stands still until ``advance`` is called."""

    def __init__(self, start: datetime = datetime(2026, 1, 1, tzinfo=UTC)) -> None:
        self._now = start
        self._start = start
        self._order = itertools.count()
        self._sleepers: list[tuple[datetime, int, asyncio.Future[None]]] = []

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> timedelta:
        return self._now - self._start

    async def sleep(self, duration: timedelta) -> None:
        if duration <= timedelta():
            await asyncio.sleep(0)
            return
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + duration, next(self._order), future))
        await future

    async def wait(self, event: asyncio.Event, timeout: timedelta | None) -> bool:
        if event.is_set() or timeout is None:
            return await event.wait()
        waiting = asyncio.ensure_future(event.wait())
        sleeping = asyncio.ensure_future(self.sleep(timeout))
        try:
            await asyncio.wait({waiting, sleeping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            waiting.cancel()
            sleeping.cancel()
        return event.is_set()

    @property
    def sleepers(self) -> int:
        """How many tasks wait for a moment in the future."""
        return sum(not future.done() for _, _, future in self._sleepers)

    @property
    def next_moment_in(self) -> timedelta | None:
        """How far the first of those moments is away; ``None`` when nobody waits for one."""
        moments = [moment for moment, _, future in self._sleepers if not future.done()]
        return min(moments) - self._now if moments else None

    def advance(self, duration: timedelta) -> None:
        """Move forward, waking sleepers in the order of their moments."""
        target = self._now + duration
        while self._sleepers and self._sleepers[0][0] <= target:
            moment, _, future = heapq.heappop(self._sleepers)
            self._now = max(self._now, moment)
            if not future.done():
                future.set_result(None)
        self._now = target


def pause(duration: timedelta) -> None:
    """Hold the calling thread, never the one of an event loop."""
    time.sleep(duration.total_seconds())


def jittered(duration: timedelta, spread: float = 0.2) -> timedelta:
    """``duration``, longer or shorter by up to ``spread`` of it, so that pollers do not march in step."""
    return duration * random.uniform(1 - spread, 1 + spread)  # noqa: S311 - no secret


def shuffled(items: Sequence[T]) -> list[T]:
    """The items in random order."""
    return random.sample(items, len(items))
