"""Processes that are measured: they speak in lines and end when their input does."""

from __future__ import annotations

import asyncio
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

_END_SECONDS = 20


class Child:
    """One of them."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process

    @property
    def pid(self) -> int:
        return self.process.pid

    async def line(self) -> str:
        """The next line it says."""
        assert self.process.stdout is not None
        return (await self.process.stdout.readline()).decode().strip()

    async def said(self, text: str) -> None:
        """Wait for a line."""
        while (line := await self.line()) != text:
            assert line, "the process has ended"

    def go_on(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")

    async def end(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            async with asyncio.timeout(_END_SECONDS):
                await self.process.wait()
        except TimeoutError:
            self.process.kill()
            await self.process.wait()


@asynccontextmanager
async def started(*commands: Sequence[str], python: str = sys.executable) -> AsyncIterator[list[Child]]:
    """Python processes, from the block's begin to its end."""
    children: list[Child] = []
    try:
        for command in commands:
            process = await asyncio.create_subprocess_exec(
                python, *command, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
            )
            children.append(Child(process))
        yield children
    finally:
        await asyncio.gather(*(child.end() for child in children))
