"""Following a log: each line once, in order, until the log has ended."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from chattool.api.waiting import woken
from db.errors import StoreBusy, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence

    from chattool.api.services import Services

log = logging.getLogger(__name__)

#: How many lines are read at once. With the bounds of a log, it is the most that a slow reader makes us hold.
PAGE_LINES = 500
_BACKUP = timedelta(seconds=1)


class LineModel(Protocol):
    """A line as the API shows it."""

    @property
    def id(self) -> int: ...

    def model_dump_json(self) -> str: ...


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Lines of a log, oldest first, and whether it had ended before they were read."""

    lines: Sequence[LineModel]
    full: bool
    """Whether there may be more lines already."""
    ended: bool


class LogFollower:
    """One reader's way through a log, for as long as it is ``allowed``.

    ``read`` answers the page of lines with ids above its argument. It looks whether the log has ended before
    it reads the lines, so an end that it reports is one after which nothing comes.
    """

    def __init__(
        self,
        services: Services,
        topics: Collection[str],
        read: Callable[[int], Awaitable[LogPage]],
        *,
        after: int,
        allowed: Callable[[], Awaitable[bool]],
    ) -> None:
        self._services = services
        self._topics = topics
        self.read = read
        self._after = after
        self._allowed = allowed
        self.complete = False
        """Whether every line was read and no other will come. False: it had to stop before."""

    async def pages(self) -> AsyncIterator[Sequence[LineModel]]:
        """What exists, then what is added; an empty page now and then while nothing is."""
        # Subscribed before the first read, so that no line falls between the two.
        with self._services.store.wakeups.subscribe(*self._topics) as changes:
            while not self._services.stopping.is_set():
                try:
                    if not await self._allowed():
                        return
                    page = await self.read(self._after)
                except (StoreBusy, StoreUnavailable) as error:
                    log.warning("a log cannot be followed: %s", error, extra={"action": "follow"})
                    return
                if page.lines:
                    self._after = page.lines[-1].id
                yield page.lines
                if page.full:
                    continue
                if page.ended:
                    self.complete = True
                    return
                await woken(self._services, changes, _BACKUP)
