"""The agents' endpoint of an engine: a web server in the engine's own event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import TracebackType

    import uvicorn

    from chattool.agent_service import AgentService

HOST = "127.0.0.1"
_START_LIMIT_SECONDS = 30
_CLOSE_LIMIT_SECONDS = 2


class AgentsEndpoint:
    """Answers agents on this machine while the context lasts.

    ``port`` is only a wish: when it is taken, the system chooses another.
    """

    def __init__(self, service: AgentService, *, port: int = 0) -> None:
        self._service = service
        self._closing = asyncio.Event()
        self._wished_port = port
        self._port = 0
        self._server: uvicorn.Server | None = None
        self._serving: asyncio.Task[None] | None = None

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
        started = asyncio.Event()
        try:
            # Importing the framework takes half a second, which the loop must not stand still.
            self._server = await asyncio.to_thread(_server, self._service, started, self._closing)
            self._serving = asyncio.create_task(self._server.serve(sockets=[listener]))
            async with asyncio.timeout(_START_LIMIT_SECONDS):
                await started.wait()
        except BaseException:
            if self._serving is not None:
                self._serving.cancel()
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
        if self._server is not None and self._serving is not None:
            self._server.should_exit = True
            await self._serving


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    # A port in its closing time may be used again; one that is listened on may not.
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        if port and error.errno in {errno.EADDRINUSE, errno.EACCES}:
            return _bound(0)
        raise
    return listener


def _server(service: AgentService, started: asyncio.Event, closing: asyncio.Event) -> uvicorn.Server:
    import uvicorn  # noqa: PLC0415 - see above

    from chattool.api.agents import agents_app  # noqa: PLC0415 - see above

    class EmbeddedServer(uvicorn.Server):
        @contextlib.contextmanager
        def capture_signals(self) -> Iterator[None]:
            # Signals belong to the program around us.
            yield

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            started.set()

    config = uvicorn.Config(
        agents_app(service, closing=closing),
        lifespan="off",
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=_CLOSE_LIMIT_SECONDS,
    )
    return EmbeddedServer(config)
