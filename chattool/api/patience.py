"""How long a connection is held open for who says nothing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

if TYPE_CHECKING:
    import asyncio


@dataclass(frozen=True, kw_only=True)
class Patience:
    """What is waited for, and how long."""

    #: Above the usual 60 s of proxies in front, so that they never write to a connection that we just closed.
    head: timedelta = timedelta(seconds=75)
    """The whole head of a request, from when it could have come."""
    progress: timedelta = timedelta(seconds=60)
    """The next bytes of a body."""
    body: timedelta = timedelta(minutes=10)
    """A whole body."""


class PatientProtocol(H11Protocol):
    """Ends connections whose requests do not arrive; an answer may take as long as it likes.

    uvicorn by itself ends only connections that have been answered before.
    """

    def __init__(self, *args: Any, patience: Patience, **kwargs: Any) -> None:  # noqa: ANN401 - uvicorn's
        super().__init__(*args, **kwargs)
        self._patience = patience
        self._deadline: asyncio.TimerHandle | None = None
        self._awaited: object = None  # the state of the peer that the deadline is for
        self._ends_at = 0.0  # when all of that has to be there, by the loop's clock

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Await a first head."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """Await what is still missing."""
        super().data_received(data)
        if self.transport.get_protocol() is self:
            self._watch()

    def on_response_complete(self) -> None:
        """Await another head, or the rest of a body that was answered early."""
        super().on_response_complete()
        self._watch()

    def handle_websocket_upgrade(self, event: h11.Request) -> None:
        """Leave the connection to a protocol with time limits of its own."""
        self._stop()
        super().handle_websocket_upgrade(event)

    def connection_lost(self, exc: Exception | None) -> None:
        """Await nothing more."""
        self._stop()
        super().connection_lost(exc)

    def _watch(self) -> None:
        state = self.conn.their_state
        if state not in {h11.IDLE, h11.SEND_BODY}:
            self._stop()
            return
        now, head = self.loop.time(), state is h11.IDLE
        if state is not self._awaited:
            whole = self._patience.head if head else self._patience.body
            self._awaited, self._ends_at = state, now + whole.total_seconds()
        if self._deadline is not None:
            self._deadline.cancel()
        # Some bytes of a body prolong its time, those of a head do not.
        stalled_at = self._ends_at if head else now + self._patience.progress.total_seconds()
        self._deadline = self.loop.call_at(min(stalled_at, self._ends_at), self._expired)

    def _stop(self) -> None:
        self._awaited = None
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _expired(self) -> None:
        if self.flow.read_paused:
            # It is us who do not read.
            self._stop()
            self._watch()
        else:
            self.transport.abort()
