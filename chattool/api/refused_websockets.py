"""WebSockets that are refused with an answer of their own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

if TYPE_CHECKING:
    from uvicorn._types import ASGISendEvent


class RefusingProtocol(WebSocketsSansIOProtocol):
    """Takes a whole answer for the end of a handshake; uvicorn would log each as a mistake of ours."""

    async def send(self, message: ASGISendEvent) -> None:
        """Send a part of the answer, or of what is told afterwards."""
        await super().send(message)
        if message["type"] == "websocket.http.response.body" and not message.get("more_body", False):
            self.handshake_complete = True
