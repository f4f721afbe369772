"""A bound on the bodies of requests."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from fastapi import HTTPException

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp, Message, Receive, Scope, Send


class BodyLimit:
    """Lets no request have a body larger than ``limit_bytes``, whatever it announces: 413.

    ``larger`` has other limits for paths that match a pattern.
    """

    def __init__(self, app: ASGIApp, *, limit_bytes: int, larger: Mapping[str, int] | None = None) -> None:
        self._app = app
        self._limit_bytes = limit_bytes
        self._larger = [(re.compile(pattern), limit) for pattern, limit in (larger or {}).items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        limit = self._limit(scope["path"])
        received_bytes = 0

        async def limited() -> Message:
            nonlocal received_bytes
            message = await receive()
            received_bytes += len(message.get("body", b""))
            if received_bytes > limit:
                # Of this class, because FastAPI turns all others into a 400.
                raise HTTPException(413, f"The body is larger than {limit} bytes.")
            return message

        await self._app(scope, limited, send)

    def _limit(self, path: str) -> int:
        return next((limit for pattern, limit in self._larger if pattern.fullmatch(path)), self._limit_bytes)
