"""The signals that end a daemon's process."""

from __future__ import annotations

import asyncio
import logging
import signal
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from provisioner.daemon import Daemon

log = logging.getLogger(__name__)


class EndSignals:
    """The first SIGTERM asks the process to drain; a second one, or SIGINT, interrupts what it runs."""

    def __init__(self) -> None:
        self.ending = asyncio.Event()
        self._daemon: Daemon | None = None
        self._at_once = False

    @property
    def interrupted(self) -> int:
        """How many jobs were interrupted, by a signal or after the drain limit."""
        return 0 if self._daemon is None else self._daemon.interrupted

    @contextmanager
    def handled(self) -> Iterator[None]:
        """Listen while the context lasts."""
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, self._terminate)
        loop.add_signal_handler(signal.SIGINT, self._interrupt)
        try:
            yield
        finally:
            loop.remove_signal_handler(signal.SIGTERM)
            loop.remove_signal_handler(signal.SIGINT)

    async def told(self, *working: asyncio.Task[None]) -> None:
        """Wait for a signal, or for one of the tasks to break down, which raises its error."""
        signalled = asyncio.create_task(self.ending.wait())
        try:
            await asyncio.wait({signalled, *working}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            signalled.cancel()
        for task in working:
            if task.done():
                task.result()

    def reach(self, daemon: Daemon) -> None:
        """Tell ``daemon`` from now on."""
        self._daemon = daemon
        if self._at_once:
            daemon.cancel()

    def _terminate(self) -> None:
        if self.ending.is_set():
            self._interrupt()
            return
        log.info("draining", extra={"action": "drain"})
        self.ending.set()
        if self._daemon is not None:
            self._daemon.drain()

    def _interrupt(self) -> None:
        self.ending.set()
        self._at_once = True
        if self._daemon is not None:
            log.info("interrupting %d jobs", self._daemon.active, extra={"action": "cancel"})
            self._daemon.cancel()
