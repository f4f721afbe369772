"""Modules and servers that several tests share. ``OUT`` in a module is the folder for its traces."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

TWO = """
resource "terraform_data" "first" {
  provisioner "local-exec" { command = "touch OUT/first" }
  provisioner "local-exec" {
    when    = destroy
    command = "mv OUT/first OUT/gone"
  }
}
resource "terraform_data" "second" {
  depends_on = [terraform_data.first]
  provisioner "local-exec" { command = "LAST" }
}
"""
"""One resource after the other; ``LAST`` is the command of the second, which a test chooses."""


def two(last: str) -> str:
    """``TWO`` with that command."""
    return TWO.replace("LAST", last)


@dataclass
class SilentServer:
    """Takes a question and never answers."""

    port: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    """Whoever asked has gone again."""

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.asked.set()
        await reader.read()
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.left.set()


@asynccontextmanager
async def silent_server() -> AsyncIterator[SilentServer]:
    """Such a server on a free port."""
    silent = SilentServer()
    async with await asyncio.start_server(silent.listen, "127.0.0.1") as server:
        silent.port = server.sockets[0].getsockname()[1]
        yield silent
