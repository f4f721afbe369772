"""The loopback server: ``http://127.0.0.1:PORT/DIALECT/CASE/...`` behaves as the case says."""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tests.sdk.answers import DIALECTS, Answer, Dialect, answer

if TYPE_CHECKING:
    from collections.abc import Iterator


_TLS_HANDSHAKE = b"\x16"


@contextmanager
def misbehaving_server() -> Iterator[int]:
    """The port of a server that runs in a thread of its own."""
    loop = asyncio.new_event_loop()
    # Stalled answers would stall for ever; a cancelled one is reported as a failure of the server.
    closing = asyncio.Event()
    server = loop.run_until_complete(asyncio.start_server(partial(_serve, closing), "127.0.0.1", 0))
    thread = threading.Thread(target=loop.run_forever, name="misbehaving-server", daemon=True)
    thread.start()
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        server.close()
        closing.set()
        if left := asyncio.all_tasks(loop):
            loop.run_until_complete(asyncio.wait(left, timeout=5))
        loop.close()


async def _serve(closing: asyncio.Event, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        first = await reader.readexactly(1)
        if first == _TLS_HANDSHAKE:
            _answer(Answer(status=400), writer)
            return
        head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        await reader.readexactly(_length(head))
        _empty, dialect, case, *_rest = unquote(head.split()[1]).split("/")
        await _behave(DIALECTS[dialect], case, writer, closing)
        await writer.drain()
    except (ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
        pass  # the client left, or spoke TLS
    finally:
        writer.close()


def _length(head: str) -> int:
    for line in head.lower().splitlines():
        if line.startswith("content-length:"):
            return int(line.partition(":")[2])
    return 0


async def _behave(dialect: Dialect, case: str, writer: asyncio.StreamWriter, closing: asyncio.Event) -> None:
    if case == "reset":
        _reset(writer)
    elif case == "stall":
        await closing.wait()
    elif case.startswith("stream: "):
        await _stream(dialect, case.removeprefix("stream: "), writer, closing)
    else:
        _answer(answer(dialect, case), writer)


def _answer(whole: Answer, writer: asyncio.StreamWriter) -> None:
    content = whole.body.encode()
    lines = {"content-type": whole.kind, "content-length": str(len(content)), "connection": "close"}
    head = "".join(f"{name}: {value}\r\n" for name, value in (lines | whole.headers).items())
    writer.write(f"HTTP/1.1 {whole.status} Status\r\n{head}\r\n".encode() + content)


async def _stream(dialect: Dialect, case: str, writer: asyncio.StreamWriter, closing: asyncio.Event) -> None:
    lines = f"content-type: {dialect.stream_kind}\r\ntransfer-encoding: chunked\r\n"
    writer.write(f"HTTP/1.1 200 OK\r\n{lines}\r\n".encode())
    events = [dialect.first]
    if case in ("overload", "rate limit"):
        events.append(dialect.failures[case.partition(" ")[0]])
    for event in events:
        data = dialect.event(event)
        writer.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    await writer.drain()
    if case == "reset":
        # Lets the client read what was sent before, which a reset would discard.
        await asyncio.sleep(0.2)  # noqa: TID251 - the network's time, not ours
        _reset(writer)
    elif case == "stall":
        await closing.wait()
    else:
        writer.write(b"0\r\n\r\n")


def _reset(writer: asyncio.StreamWriter) -> None:
    raw: socket.socket = writer.get_extra_info("socket")
    raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
