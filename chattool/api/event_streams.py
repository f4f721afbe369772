"""Sending what is followed: as server-sent events, or over a WebSocket."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event
from fastapi.websockets import WebSocket

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from starlette.types import Message

    from chattool.api.log_follower import LogFollower
    from db.clock import Clock

_PING_INTERVAL = timedelta(seconds=15)
_NORMAL, _GOING_AWAY = 1000, 1001


def event_stream(events: AsyncIterator[bytes]) -> StreamingResponse:
    """A response of server-sent events, which no proxy holds back."""
    headers = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}
    return StreamingResponse(events, media_type="text/event-stream", headers=headers)


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


async def send_log(websocket: WebSocket, follower: LogFollower) -> None:
    """Send each line as a text frame, then close: normally when no more will come."""
    await websocket.accept()
    leaving = asyncio.create_task(_until_gone(websocket))
    sending = asyncio.create_task(_send(websocket, follower))
    try:
        await asyncio.wait({leaving, sending}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in (leaving, sending):
            task.cancel()
        await asyncio.gather(leaving, sending, return_exceptions=True)
    if leaving.cancelled():
        sending.result()
        await websocket.close(_NORMAL if follower.complete else _GOING_AWAY)


async def _send(websocket: WebSocket, follower: LogFollower) -> None:
    async for lines in follower.pages():
        for line in lines:
            await websocket.send_text(line.model_dump_json())


async def _until_gone(websocket: WebSocket) -> None:
    message: Message = {"type": ""}
    while message["type"] != "websocket.disconnect":
        message = await websocket.receive()
