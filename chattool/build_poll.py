"""The backup of hints: one read now and then for all builds that this process waits for."""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol

from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from chattool.backend import Build
    from db.clock import Clock
    from db.ids import BuildId

log = logging.getLogger(__name__)


class BuildsSource(Protocol):
    """The part of a backend that a poll needs."""

    @property
    def clock(self) -> Clock: ...

    async def builds_by_id(self, build_ids: Sequence[BuildId], /) -> Mapping[BuildId, Build]: ...


class Polled(Protocol):
    """Somebody who follows a build."""

    @property
    def build_id(self) -> BuildId: ...

    @property
    def last_read(self) -> Build | None: ...

    def polled(self, found: Build | None) -> None:
        """Take note of how the build is now, ``None`` when that is not known."""


class _Poll:
    """Tells all who have read their build once how it is now. What cannot be read is theirs to handle."""

    def __init__(self, source: BuildsSource, interval: timedelta) -> None:
        self._source = source
        self._interval = interval
        self.followers: set[Polled] = set()
        self.task = asyncio.create_task(self._run(), name="poll builds")

    async def _run(self) -> None:
        while True:
            await self._source.clock.sleep(self._interval)
            followers = [each for each in self.followers if each.last_read is not None]
            found = await self._read([each.build_id for each in followers])
            for each in followers:
                each.polled(found.get(each.build_id))

    async def _read(self, build_ids: Sequence[BuildId]) -> Mapping[BuildId, Build]:
        if not build_ids:
            return {}
        try:
            return await self._source.builds_by_id(build_ids)
        except ChattoolError:
            return {}
        except Exception:
            # Each follower reads for itself now and meets the mistake there; the poll itself must go on.
            log.exception("cannot poll builds", extra={"action": "poll"})
            return {}


_polls: dict[tuple[int, timedelta], _Poll] = {}


@contextmanager
def polled(source: BuildsSource, follower: Polled, interval: timedelta) -> Iterator[None]:
    """While the context lasts, the follower hears of a change within ``interval`` even without a hint."""
    # A poll holds its source, so the id of a source stands for no other one meanwhile.
    key = id(source), interval
    if key not in _polls:
        _polls[key] = _Poll(source, interval)
    poll = _polls[key]
    poll.followers.add(follower)
    try:
        yield
    finally:
        poll.followers.discard(follower)
        if not poll.followers:
            del _polls[key]
            poll.task.cancel()
