"""Fixtures for databases and processes that fail."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.stores import clock, database_url, sqlite_template, store

__all__ = ["clock", "database_url", "sqlite_template", "store"]

REPOSITORY = Path(__file__).parents[2]
GUARD_SECONDS = 20
Start = Callable[..., Awaitable["Child"]]


class Child:
    """A process of this project that speaks in lines."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process

    async def said(self, text: str) -> None:
        """Wait until the process has said ``text``."""
        assert self._process.stdout is not None
        async with asyncio.timeout(GUARD_SECONDS):
            while (line := (await self._process.stdout.readline()).decode().strip()) != text:
                assert line, "the process has ended"

    async def complained(self, text: str) -> None:
        """Wait until the process has written a line with ``text`` to standard error."""
        assert self._process.stderr is not None
        async with asyncio.timeout(GUARD_SECONDS):
            while text not in (line := (await self._process.stderr.readline()).decode()):
                assert line, "the process has ended"

    async def ended(self) -> int:
        """The exit code."""
        async with asyncio.timeout(GUARD_SECONDS):
            return await self._process.wait()

    def go_on(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(b"\n")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    async def kill(self) -> str:
        """End the process as a power failure would; what it wrote to standard error."""
        with suppress(ProcessLookupError):
            self._process.kill()
        _, complaints = await self._process.communicate()
        return complaints.decode()


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Starts processes; those that still run at the end are killed."""
    children: list[Child] = []

    async def started(*command: str) -> Child:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", *command),
            cwd=REPOSITORY,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        children.append(Child(process))
        return children[-1]

    yield started
    for child in children:
        await child.kill()
