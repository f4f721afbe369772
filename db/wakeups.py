"""Wake-ups: hints that something changed. Whoever waits re-reads; a lost hint costs one poll.

Topics are texts such as ``build:<id>``. Inside a process a hint is a function call; between processes
the stores carry it (``LISTEN``/``NOTIFY`` on PostgreSQL, a cheap change check on SQLite).
"""

from __future__ import annotations

import asyncio
import logging
from collections import defaultdict
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from datetime import timedelta

    from db.clock import Clock

    Listener = Callable[[str | None], None]

log = logging.getLogger(__name__)


class Wakeups:
    """The hub of one process."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._listeners: defaultdict[str, dict[object, Listener]] = defaultdict(dict)
        # Tests drop, repeat or reorder hints here; empty in production.
        self.filter: Callable[[list[tuple[str, str]]], Iterable[tuple[str, str]]] | None = None

    @property
    def in_use(self) -> bool:
        """Whether anybody waits at all, so that the stores need to look for foreign changes."""
        return bool(self._listeners)

    @contextmanager
    def listening(self, topic: str, listener: Listener) -> Iterator[None]:
        """Call ``listener`` with the payload of each hint; ``None`` means anything may have changed."""
        token = object()
        self._listeners[topic][token] = listener
        try:
            yield
        finally:
            del self._listeners[topic][token]
            if not self._listeners[topic]:
                del self._listeners[topic]

    @contextmanager
    def subscribe(self, *topics: str) -> Iterator[Subscription]:
        """A subscription to any of ``topics``. Open it before the first read, so that no change is missed."""
        subscription = Subscription(self.clock)
        token = object()
        for topic in topics:
            self._listeners[topic][token] = subscription.wake
        try:
            yield subscription
        finally:
            for topic in topics:
                self._listeners[topic].pop(token, None)
                if not self._listeners[topic]:
                    del self._listeners[topic]

    def publish(self, notices: list[tuple[str, str]]) -> None:
        """Wake the listeners of each (topic, payload)."""
        for topic, payload in notices if self.filter is None else self.filter(notices):
            self._call(list(self._listeners.get(topic, {}).values()), payload)

    def publish_all(self) -> None:
        """Wake everybody: hints may have been lost, or another process changed something."""
        for listeners in list(self._listeners.values()):
            self._call(list(listeners.values()), None)

    def _call(self, listeners: list[Listener], payload: str | None) -> None:
        for listener in listeners:
            try:
                listener(payload)
            except Exception:
                log.exception("a wake-up listener failed", extra={"action": "wakeup"})


class Subscription:
    """Remembers that a hint came, until the next ``wait``."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._event = asyncio.Event()

    def wake(self, _payload: str | None = None) -> None:
        self._event.set()

    async def wait(self, timeout: timedelta | None) -> bool:
        """Whether a hint came since the last ``wait``, or before ``timeout`` had passed."""
        woken = await self._clock.wait(self._event, timeout)
        self._event.clear()
        return woken
