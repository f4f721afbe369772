"""The agents' endpoint of an engine: a web server in the engine's own event loop."""

from __future__ import annotations

import asyncio
import errno
from datetime import timedelta
from typing import TYPE_CHECKING, Self

from chattool.api.listener import bound

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from chattool.agent_service import AgentService

HOST = "127.0.0.1"
_CLOSE_LIMIT = timedelta(seconds=2)


class AgentsEndpoint:
    """Answers agents on this machine while the context lasts.

    ``port`` is only a wish: when it is taken, the system chooses another.
    """

    def __init__(self, service: AgentService, *, port: int = 0) -> None:
        self._service = service
        self._closing = asyncio.Event()
        self._wished_port = port
        self._port = 0
        self._serving: AbstractAsyncContextManager[object] | None = None

    @property
    def url(self) -> str:
        """Where agents find it."""
        return f"http://{HOST}:{self._port}"

    @property
    def port(self) -> int:
        """The port in use."""
        return self._port

    async def __aenter__(self) -> Self:
        listener = _bound(self._wished_port)
        try:
            # Importing the framework takes half a second, which the loop must not stand still.
            start = await asyncio.to_thread(_prepared, self._service, self._closing)
            self._serving = start(listener)
            await self._serving.__aenter__()
        except BaseException:
            listener.close()
            raise
        self._port = listener.getsockname()[1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._closing.set()
        if self._serving is not None:
            await self._serving.__aexit__(kind, error, traceback)


def _bound(port: int) -> socket.socket:
    try:
        return bound(HOST, port)
    except OSError as error:
        if port and error.errno in {errno.EADDRINUSE, errno.EACCES}:
            return bound(HOST, 0)
        raise


def _prepared(
    service: AgentService, closing: asyncio.Event
) -> Callable[[socket.socket], AbstractAsyncContextManager[object]]:
    from chattool.api.agents import agents_app  # noqa: PLC0415 - see above
    from chattool.api.serving import serving  # noqa: PLC0415 - see above

    app = agents_app(service, closing=closing)
    return lambda listener: serving(app, listener, close_limit=_CLOSE_LIMIT, websockets=False)
