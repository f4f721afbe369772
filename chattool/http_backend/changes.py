"""Wake-ups over HTTP: what a server streams is only a hint here, and whoever waits reads again.

While a path is waited for, one task of this process follows it, however many wait. Where nothing can be
followed, those who wait are woken every second instead.
"""

from __future__ import annotations

import asyncio
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from db.clock import jittered
from db.errors import ChattoolError
from db.wakeups import Wakeups

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chattool.http_backend.connection import ApiConnection
    from db.wakeups import Subscription

_POLL = timedelta(seconds=1)
#: A comment, by which a server shows that it lives.
_COMMENT = b":"


@dataclass(kw_only=True)
class _Followed:
    task: asyncio.Task[None]
    waiting: int = 0


class Changes:
    """Hints of one server; a topic is the path of a stream, or any text that is only polled."""

    def __init__(self, connection: ApiConnection) -> None:
        self._connection = connection
        self._hub = Wakeups(connection.clock)
        self._followed: dict[str, _Followed] = {}
        self._ending: set[asyncio.Task[None]] = set()

    @contextmanager
    def subscribe(self, *paths: str) -> Iterator[Subscription]:
        """Wake-ups of any of the streams; open it before the first read, so that no change is missed."""
        with self._hub.subscribe(*paths) as subscription:
            for path in paths:
                self._enter(path)
            try:
                yield subscription
            finally:
                for path in paths:
                    self._leave(path)

    @contextmanager
    def polled(self, topic: str, interval: timedelta) -> Iterator[Subscription]:
        """Wake-ups at an interval, for what a server does not stream."""
        with self._hub.subscribe(topic) as subscription:
            task = asyncio.create_task(self._poll(topic, interval), name=f"poll {topic}")
            try:
                yield subscription
            finally:
                self._end(task)

    def _enter(self, path: str) -> None:
        if path not in self._followed:
            task = asyncio.create_task(self._follow(path), name=f"follow {path}")
            self._followed[path] = _Followed(task=task)
        self._followed[path].waiting += 1

    def _leave(self, path: str) -> None:
        followed = self._followed[path]
        followed.waiting -= 1
        if not followed.waiting:
            del self._followed[path]
            self._end(followed.task)

    def _end(self, task: asyncio.Task[None]) -> None:
        task.cancel()
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def ended(self) -> None:
        """Wait for the ends of what was left, so that connections it was just making are closed."""
        await asyncio.gather(*self._ending, return_exceptions=True)

    async def _follow(self, path: str) -> None:
        while True:
            try:
                async with self._connection.stream(path, follow="true") as chunks:
                    async for chunk in chunks:
                        if not chunk.startswith(_COMMENT):
                            self._tell(path)
            except ChattoolError:
                pass  # those who wait find out themselves, by reading
            # The stream has ended, or there is none: what came meanwhile is found by reading.
            self._tell(path)
            await self._connection.clock.sleep(jittered(_POLL))

    async def _poll(self, topic: str, interval: timedelta) -> None:
        while True:
            await self._connection.clock.sleep(jittered(interval))
            self._tell(topic)

    def _tell(self, topic: str) -> None:
        self._hub.publish([(topic, "")])
