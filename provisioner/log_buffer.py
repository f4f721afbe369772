"""The buffer that a runner writes its log through."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from db import log_bounds
from db.states import LogLevel, LogSource
from provisioner.jobs import Line

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from db.clock import Clock

MAX_AGE = timedelta(milliseconds=250)
MAX_LINES = 100
BATCH_LINES = 1000
"""At most so many are sent at once, however fast a provisioner writes."""


class LogBuffer:
    """Gathers a runner's lines and sends them by age or by count, whichever comes first.

    Taking a line never waits. The buffer holds no more than the job may still store.
    """

    def __init__(self, clock: Clock, send: Callable[[Sequence[Line]], Awaitable[None]]) -> None:
        self._clock = clock
        self._send = send
        self._lines: list[Line] = []
        self._room = log_bounds.LOG_LIMIT_BYTES
        self._sending = asyncio.Lock()
        self._some = asyncio.Event()
        self._many = asyncio.Event()
        self._secrets: tuple[str, ...] = ()
        self.stage = ""

    def mask(self, secrets: Sequence[str]) -> None:
        """Replace these texts in every later line. Very short ones would hide ordinary words."""
        self._secrets = tuple(sorted((text for text in secrets if len(text) >= 4), key=len, reverse=True))  # noqa: PLR2004 - explained above

    def enter(self, stage: str, output: str = "") -> None:
        """Begin a stage with a line of the daemon."""
        self.stage = stage
        self.say(output or stage)

    def say(self, output: str, level: LogLevel = LogLevel.INFO) -> None:
        """Log a line of the daemon itself."""
        self._add(LogSource.PROVISIONER_DAEMON, level, self.stage, output)

    def provisioner(self, level: LogLevel, output: str, *, stage: str | None = None) -> None:
        """Log a line of the provisioner: the ``LogSink`` it is given."""
        self._add(LogSource.PROVISIONER, level, stage or self.stage, output)

    def drain(self) -> list[Line]:
        """The lines that were not sent yet, taken out: for the transaction that ends the job."""
        lines, self._lines = self._lines, []
        self._some.clear()
        self._many.clear()
        return lines

    async def run(self) -> None:
        """Send lines until cancelled."""
        while True:
            await self._clock.wait(self._some, None)
            await self._clock.wait(self._many, MAX_AGE)
            await self.flush()

    async def flush(self) -> None:
        """Send what is buffered now."""
        async with self._sending:
            await self._send_all()

    async def _send_all(self) -> None:
        lines = self.drain()
        for start in range(0, len(lines), BATCH_LINES):
            await self._send(lines[start : start + BATCH_LINES])

    async def rest(self) -> list[Line]:
        """The last lines, for the call that ends the job; what that could not take is sent before."""
        async with self._sending:  # the batches that are on their way have to come before the end
            if len(self._lines) > BATCH_LINES:
                await self._send_all()
            return self.drain()

    def _add(self, source: LogSource, level: LogLevel, stage: str, output: str) -> None:
        if self._room < 0:
            return
        for secret in self._secrets:
            output = output.replace(secret, "********")
        output = log_bounds.bounded(output)
        line = Line(created_at=self._clock.now(), source=source, level=level, stage=stage, output=output)
        self._room -= log_bounds.size(output)
        self._lines.append(line)
        self._some.set()
        if len(self._lines) >= MAX_LINES:
            self._many.set()
