"""Sending what is long or followed: server-sent events, WebSocket frames, and only as long as it is read."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from fastapi.websockets import WebSocket
from starlette.requests import ClientDisconnect

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence

    from starlette.types import Message, Send

    from chattool.api.log_follower import LineModel, LogFollower
    from db.clock import Clock

_PING_INTERVAL = timedelta(seconds=15)
_NORMAL, _GOING_AWAY = 1000, 1001


class ReadStream(StreamingResponse):
    """A streamed response that ends when its reader has not taken a piece of it within ``limit``."""

    def __init__(
        self,
        content: AsyncIterator[bytes] | AsyncIterator[str],
        *,
        limit: timedelta,
        media_type: str,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(content, media_type=media_type, headers=headers)
        self._limit = limit

    async def stream_response(self, send: Send) -> None:
        await super().stream_response(lambda message: _taken(send(message), self._limit))


def event_stream(events: AsyncIterator[bytes], *, limit: timedelta) -> StreamingResponse:
    """A response of server-sent events, which no proxy holds back; see ``ReadStream``."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return ReadStream(events, limit=limit, media_type="text/event-stream", headers=headers)


async def log_events(follower: LogFollower, clock: Clock) -> AsyncIterator[bytes]:
    """An event ``log`` for each line, with the line's id as its own, and ``done`` when no more will come."""
    sent_at = clock.monotonic()
    yield KEEPALIVE_COMMENT  # the answer begins at once, also when there is nothing to tell yet
    async for lines in follower.pages():
        if lines:
            yield b"".join(
                format_sse_event(data_str=line.model_dump_json(), event="log", id=str(line.id))
                for line in lines
            )
        elif clock.monotonic() - sent_at >= _PING_INTERVAL:
            yield KEEPALIVE_COMMENT
        else:
            continue
        sent_at = clock.monotonic()
    if follower.complete:
        yield format_sse_event(data_str="{}", event="done")


async def send_log(websocket: WebSocket, follower: LogFollower, *, limit: timedelta) -> None:
    """Send each line as a text frame, then close: normally when no more will come.

    A reader who has not taken a page within ``limit`` is left.
    """
    await websocket.accept()
    leaving = asyncio.create_task(_until_gone(websocket))
    sending = asyncio.create_task(_send(websocket, follower, limit))
    try:
        await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (leaving, sending):
            task.cancel()
        await asyncio.gather(leaving, sending, return_exceptions=True)
    if leaving.cancelled():
        with contextlib.suppress(ClientDisconnect):  # the connection ends with this function
            sending.result()
            await _taken(websocket.close(_NORMAL if follower.complete else _GOING_AWAY), limit)


async def _send(websocket: WebSocket, follower: LogFollower, limit: timedelta) -> None:
    async for lines in follower.pages():
        await _taken(_send_page(websocket, lines), limit)


async def _send_page(websocket: WebSocket, lines: Sequence[LineModel]) -> None:
    for line in lines:
        await websocket.send_text(line.model_dump_json())


async def _taken(sending: Awaitable[None], limit: timedelta) -> None:
    try:
        async with asyncio.timeout(limit.total_seconds()):
            await sending
    except TimeoutError as error:
        raise ClientDisconnect from error


async def _until_gone(websocket: WebSocket) -> None:
    message: Message = {"type": ""}
    while message["type"] != "websocket.disconnect":
        message = await websocket.receive()
