"""Lines that a script wrote, on their way to the server."""

from __future__ import annotations

import asyncio
import json
from collections import deque
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.agent.server import CallRefused

if TYPE_CHECKING:
    from chattool.agent.server import Server
    from db.clock import Clock

LINE_LIMIT_BYTES = 64 << 10
WAITING_LIMIT_BYTES = 1 << 20
BATCH_LIMIT_BYTES = 600 << 10
BATCH_LIMIT_LINES = 500
MAX_AGE = timedelta(milliseconds=250)
# What a script left in the background may hold its output open for ever.
_REST_LIMIT = timedelta(seconds=1)


class ScriptOutput:
    """Takes what scripts write, at any speed, and sends what the server can take.

    The scripts never wait: what is too much is dropped, and a line says how much that was.
    """

    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._waiting: deque[str] = deque()
        self._waiting_bytes = 0
        self._dropped = 0
        self._arrived = asyncio.Event()
        self._sending = asyncio.Lock()
        self._listeners: set[asyncio.Task[None]] = set()

    def listen(self, stream: asyncio.StreamReader) -> None:
        """Take lines in the background, until all writers have closed the stream."""
        listener = asyncio.create_task(self._read(stream))
        self._listeners.add(listener)
        listener.add_done_callback(self._listeners.discard)

    async def conclude(self, line: str) -> None:
        """Add a line behind all that a script wrote that has ended."""
        if self._listeners:
            await asyncio.wait(self._listeners, timeout=_REST_LIMIT.total_seconds())
        self._add(line.encode())

    async def send(self) -> None:
        """Send lines as they come; never ends by itself.

        Raises:
            TokenRefused: the server does not know this agent any more.
            ServerAway: it was away when the agent was told to end.
        """
        while True:
            await self._arrived.wait()
            await self._clock.sleep(MAX_AGE)
            await self.flush()

    async def flush(self) -> None:
        """Send what waits; all of it, what is on its way already included, has arrived at the return.

        Raises:
            TokenRefused: the server does not know this agent any more.
            ServerAway: it was away when the agent was told to end.
        """
        async with self._sending:
            while batch := self._batch():
                logs = [{"level": "info", "output": line} for line in batch]
                # One batch that the server cannot take must not hold up all others.
                with suppress(CallRefused):
                    await self._server.deliver("POST", "logs", {"logs": logs})

    async def _read(self, stream: asyncio.StreamReader) -> None:
        rest = b""
        while chunk := await stream.read(LINE_LIMIT_BYTES):
            *lines, rest = (rest + chunk).split(b"\n")
            for line in lines:
                self._add(line)
            if len(rest) > LINE_LIMIT_BYTES:
                self._add(rest)
                rest = b""
        if rest:
            self._add(rest)

    def _add(self, line: bytes) -> None:
        text = line[:LINE_LIMIT_BYTES].decode(errors="replace").rstrip("\r").replace("\0", "\ufffd")
        size = len(json.dumps(text))
        if self._waiting_bytes + size > WAITING_LIMIT_BYTES:
            self._dropped += 1
        else:
            self._waiting.append(text)
            self._waiting_bytes += size
        self._arrived.set()

    def _batch(self) -> list[str]:
        batch: list[str] = []
        batch_bytes = 0
        while self._waiting and len(batch) < BATCH_LIMIT_LINES and batch_bytes < BATCH_LIMIT_BYTES:
            line = self._waiting.popleft()
            batch.append(line)
            batch_bytes += len(json.dumps(line))
        self._waiting_bytes -= batch_bytes
        if not self._waiting:
            if self._dropped:
                batch.append(f"[{self._dropped} lines came too fast and were dropped]")
                self._dropped = 0
            self._arrived.clear()
        return batch
