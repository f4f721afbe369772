"""A TCP proxy between a client and a server on loopback that treats both badly, as a test says."""

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from enum import Enum, auto
from urllib.parse import urlsplit

from db.clock import SystemClock

GUARD_SECONDS = 20
_CHUNK = 1 << 16
_LAST_TURNS = 20
_REQUEST = re.compile(rb"(?:GET|POST|PUT|PATCH|DELETE) (\S+) HTTP/1\.1\r\n")


class Fault(Enum):
    """What happens to one call."""

    CUT_REQUEST = auto()
    """The connection ends before the request reaches the server."""
    LOSE_ANSWER = auto()
    """The server does what it is asked, and its answer is lost with the connection."""
    CUT_ANSWER = auto()
    """The connection ends in the middle of the answer."""
    GARBLE_ANSWER = auto()
    """The answer comes with other words in it."""
    HOLD_ANSWER = auto()
    """The answer comes when ``Proxy.release`` is called."""


@dataclass(kw_only=True)
class _Rule:
    path: str
    fault: Fault
    happened: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Forwards to a server; faults are asked for by the end of a call's path."""

    def __init__(self, host: str, port: int) -> None:
        self.target = (host, port)
        self.url = ""
        self._rules: list[_Rule] = []
        self._open = asyncio.Event()
        self._open.set()
        self._answering = asyncio.Event()
        self._answering.set()
        self._released = asyncio.Event()
        self._refusing = False
        self._writers: set[asyncio.StreamWriter] = set()
        self._handling: set[asyncio.Task[None]] = set()

    def once(self, path: str, fault: Fault) -> asyncio.Event:
        """The next call of ``path`` meets ``fault``; the event says that it has."""
        rule = _Rule(path=path, fault=fault)
        self._rules.append(rule)
        return rule.happened

    def release(self) -> None:
        """Let held answers go."""
        self._released.set()

    def silence(self) -> None:
        """Keep all connections and accept new ones, and let nothing through: half open."""
        self._open.clear()

    def swallow(self) -> None:
        """Let requests through and keep all answers: what is asked for is done, and nobody hears of it."""
        self._answering.clear()

    def refuse(self) -> None:
        """End all connections, and each new one at once."""
        self._refusing = True
        self._cut()

    def restore(self) -> None:
        """Be an ordinary proxy again. What stood still meanwhile is lost."""
        self._cut()
        self._refusing = False
        self._open.set()
        self._answering.set()

    def _cut(self) -> None:
        for writer in list(self._writers):
            writer.transport.abort()

    async def end(self) -> None:
        """End all connections, those just being made too, and return when none is left."""
        self.refuse()
        for task in self._handling:
            task.cancel()
        await asyncio.gather(*self._handling, return_exceptions=True)

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        task = asyncio.create_task(self._forward(reader, writer))
        self._handling.add(task)
        task.add_done_callback(self._handling.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers = {writer}
        try:
            if self._refusing:
                return
            server_reader, server_writer = await asyncio.open_connection(*self.target)
            writers.add(server_writer)
            self._writers.add(server_writer)
            connection = _Connection(self)
            async with asyncio.TaskGroup() as both:
                both.create_task(connection.requests(reader, server_writer))
                both.create_task(connection.answers(server_reader, writer))
        except* (OSError, EOFError):
            pass
        finally:
            self._writers -= writers
            for each in writers:
                each.transport.abort()

    def rule(self, path: str) -> _Rule | None:
        """The rule that a call of ``path`` meets, which is used up."""
        for rule in self._rules:
            if path.endswith(rule.path):
                self._rules.remove(rule)
                return rule
        return None

    async def let_through(self) -> None:
        await self._open.wait()

    async def let_answer(self) -> None:
        await self.let_through()
        await self._answering.wait()

    async def released(self) -> None:
        await self._released.wait()


class _Connection:
    def __init__(self, proxy: Proxy) -> None:
        self._proxy = proxy
        self._rule: _Rule | None = None

    async def requests(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            if match := _REQUEST.match(data):
                self._rule = self._proxy.rule(match[1].decode())
            await self._proxy.let_through()
            if self._rule is not None and self._rule.fault is Fault.CUT_REQUEST:
                self._rule.happened.set()
                break
            writer.write(data)
            await writer.drain()
        raise EOFError

    async def answers(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(_CHUNK):
            await self._proxy.let_answer()
            rule, self._rule = self._rule, None
            if rule is not None:
                if rule.fault is Fault.CUT_ANSWER:
                    writer.write(data[: len(data) // 2])
                    with suppress(OSError):
                        await writer.drain()
                    writer.close()
                rule.happened.set()
                if rule.fault is Fault.GARBLE_ANSWER:
                    data = data.replace(b'"fence"', b'"hedge"')
                elif rule.fault is Fault.HOLD_ANSWER:
                    await self._proxy.released()
                else:
                    break
            writer.write(data)
            await writer.drain()
        raise EOFError


@asynccontextmanager
async def proxy_to(url: str) -> AsyncIterator[Proxy]:
    """A proxy to the server at ``url``."""
    target = urlsplit(url)
    proxy = Proxy(target.hostname or "", target.port or 0)
    server = await asyncio.start_server(proxy._connected, "127.0.0.1", 0)  # noqa: SLF001 - its other half
    proxy.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield proxy
    finally:
        # No more is accepted, and what just was comes up before the server closes: asyncio of Python 3.11
        # would lose it.
        for listener in server.sockets:
            asyncio.get_running_loop().remove_reader(listener.fileno())
        for _ in range(_LAST_TURNS):
            await SystemClock().sleep(timedelta())
        await proxy.end()
        server.close()
        await server.wait_closed()
