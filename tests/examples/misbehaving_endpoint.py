"""A model endpoint on the loopback interface that does to each request what the test wants."""

from __future__ import annotations

import asyncio
import json
import socket
import struct
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

Writer = asyncio.StreamWriter
Behaviour = Callable[[Writer], Awaitable[None]]


@dataclass
class Endpoint:
    """The endpoint, the behaviours that are left, and the requests it has seen."""

    base_url: str = ""
    behaviours: list[Behaviour] = field(default_factory=list)
    requests: list[dict[str, Any]] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: Writer) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                int(line.partition(b":")[2])
                for line in head.lower().splitlines()
                if line.startswith(b"content-length:")
            )
            self.requests.append(json.loads(await reader.readexactly(length)))
            await self.behaviours.pop(0)(writer)
            await writer.drain()
        finally:
            writer.close()


@asynccontextmanager
async def misbehaving_endpoint() -> AsyncIterator[Endpoint]:
    """An endpoint on a free port."""
    endpoint = Endpoint()
    server = await asyncio.start_server(endpoint.serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    endpoint.base_url = f"http://127.0.0.1:{port}/v1"
    async with server:
        yield endpoint


def answer(
    status: int, body: object = "", *, headers: dict[str, str] | None = None, kind: str = "application/json"
) -> Behaviour:
    """A whole answer."""
    content = (body if isinstance(body, str) else json.dumps(body)).encode()

    async def behave(writer: Writer) -> None:
        lines = {"content-type": kind, "content-length": str(len(content)), "connection": "close"}
        lines |= headers or {}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        writer.write(f"HTTP/1.1 {status} Status\r\n{head}\r\n".encode() + content)

    return behave


def stream(*events: object, end: str = "done") -> Behaviour:
    """A stream that ends well (``done``), too early (``early``), in a ``reset``, or never (``stall``)."""

    async def behave(writer: Writer) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        )
        for event in events:
            data = f"data: {json.dumps(event)}\n\n".encode()
            writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        await writer.drain()
        if end == "reset":
            await reset(writer)
        elif end == "stall":
            await asyncio.Event().wait()
        elif end in ("done", "early"):
            writer.write(b"0\r\n\r\n")

    return behave


async def reset(writer: Writer) -> None:
    """The connection is reset."""
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()


async def hang_up(_writer: Writer) -> None:
    """The connection ends without a word."""


async def stall(_writer: Writer) -> None:
    """Nothing comes, ever."""
    await asyncio.Event().wait()


def words(text: str, reason: str | None = "stop") -> dict[str, Any]:
    """A chunk of the model's text."""
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}]}


def tool_call(name: str, arguments: str, *, call_id: str = "call_1") -> tuple[dict[str, Any], ...]:
    """The chunks of one tool call, its arguments in two pieces."""
    middle = len(arguments) // 2
    pieces = [
        {"index": 0, "id": call_id, "function": {"name": name, "arguments": arguments[:middle]}},
        {"index": 0, "function": {"arguments": arguments[middle:]}},
    ]
    chunks = [
        {"choices": [{"index": 0, "delta": {"tool_calls": [piece]}, "finish_reason": None}]}
        for piece in pieces
    ]
    return (*chunks, {"choices": [{"index": 0, "delta": {}, "finish_reason": "tool_calls"}]})
