"""A web server in the event loop of the program around it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from chattool.api.listener import BACKLOG
from chattool.api.patience import Patience, PatientProtocol
from chattool.api_header import API_HEADER, API_VERSION

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from datetime import timedelta

    from starlette.types import ASGIApp

_START_LIMIT_SECONDS = 30
_PATIENCE = Patience()
#: How many connections asyncio accepts before it looks at others. Out of file descriptors, each try is an
#: entry in the log and one more retry, so that with more than one at once they multiply and do nothing else.
_ACCEPTED_AT_ONCE = 1


class EmbeddedServer(uvicorn.Server):
    """Leaves signals to the program around it, and says when it answers."""

    def __init__(self, app: ASGIApp, **settings: Any) -> None:  # noqa: ANN401 - they are uvicorn's
        config = uvicorn.Config(app, lifespan="off", log_config=None, access_log=False, **settings)
        super().__init__(config)
        self.answering = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for each in sockets or ():
            each.listen(BACKLOG)  # asyncio has made the kernel's queue as short as its own
        self.answering.set()


def _websockets() -> type[asyncio.Protocol]:
    from chattool.api.refused_websockets import RefusingProtocol  # noqa: PLC0415 - an engine has none

    return RefusingProtocol


def _is_no_cancellation(record: logging.LogRecord) -> bool:
    # Whoever ends us has cancelled what took too long, and uvicorn says so in one line already.
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


@asynccontextmanager
async def serving(
    app: ASGIApp,
    listener: socket.socket,
    *,
    close_limit: timedelta,
    trusted_proxies: str = "",
    websockets: bool = True,
    patience: Patience = _PATIENCE,
) -> AsyncIterator[EmbeddedServer]:
    """Answer on ``listener`` while the context lasts; then finish what is being answered.

    ``close_limit`` bounds that. ``trusted_proxies`` are addresses whose ``X-Forwarded-For`` is believed, as
    uvicorn's ``forwarded_allow_ips``. Peers whose requests do not arrive try the ``patience``.
    """
    logging.getLogger("uvicorn.error").addFilter(_is_no_cancellation)
    server = EmbeddedServer(
        app,
        ws=_websockets() if websockets else "none",
        proxy_headers=bool(trusted_proxies),
        forwarded_allow_ips=trusted_proxies or None,
        timeout_graceful_shutdown=max(1, round(close_limit.total_seconds())),
        timeout_keep_alive=round(patience.head.total_seconds()),
        http=partial(PatientProtocol, patience=patience),
        backlog=_ACCEPTED_AT_ONCE,
        server_header=False,
        headers=[(API_HEADER, API_VERSION)],
    )
    task = asyncio.create_task(server.serve(sockets=[listener]), name="chattool-http")
    answering = asyncio.create_task(server.answering.wait())
    try:
        await asyncio.wait(
            {task, answering}, timeout=_START_LIMIT_SECONDS, return_when=asyncio.FIRST_COMPLETED
        )
        if task.done():
            task.result()
        yield server
    finally:
        answering.cancel()
        server.should_exit = True
        await task
