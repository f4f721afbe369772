"""A server for remote daemons on loopback: the real router under a real web server."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI

from chattool.api import agents, daemons, errors
from chattool.api.listener import bound
from chattool.engine.agents import StoreAgents
from db.transactions import Store
from provisioner.remote_daemons import RemoteDaemons
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient

GUARD_SECONDS = 20


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, started: asyncio.Event) -> None:
        super().__init__(config)
        self._started = started

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._started.set()


@asynccontextmanager
async def daemon_server(
    store: Store,
    settings: ProvisionerSettings | None = None,
    *,
    port: int = 0,
    jobs: StoreClient | None = None,
) -> AsyncIterator[str]:
    """The URL of a server on ``store``, which answers daemons and workspace agents."""
    stopping, started = asyncio.Event(), asyncio.Event()
    app = FastAPI()
    service = RemoteDaemons(jobs or StoreClient(store, settings or ProvisionerSettings()), stopping=stopping)
    app.state.remote_daemons, app.state.agents, app.state.closing = service, StoreAgents(store), stopping
    app.include_router(daemons.router, prefix="/api/v2")
    app.include_router(agents.router, prefix="/api/v2")
    errors.install(app)
    listener = bound("127.0.0.1", port)
    config = uvicorn.Config(app, lifespan="off", ws="none", log_config=None, timeout_graceful_shutdown=2)
    server = _Server(config, started)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        async with asyncio.timeout(GUARD_SECONDS):
            await started.wait()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        stopping.set()
        server.should_exit = True
        await serving
        listener.close()
