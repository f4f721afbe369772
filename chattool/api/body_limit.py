"""A bound on the bodies of requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import HTTPException

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Lets no request have a body larger than ``limit_bytes``, whatever it announces: 413."""

    def __init__(self, app: ASGIApp, *, limit_bytes: int) -> None:
        self._app = app
        self._limit_bytes = limit_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        received_bytes = 0

        async def limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > self._limit_bytes:
                # Of this class, because FastAPI turns all others into a 400.
                raise HTTPException(413, f"The body is larger than {self._limit_bytes} bytes.")
            return message

        await self._app(scope, limited, send)
