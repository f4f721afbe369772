"""What is said of every request: counted, logged when it fails, and answered whatever happens."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect

from chattool.api import errors

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from chattool.api.services import Services

log = logging.getLogger(__name__)

_UNKNOWN_ROUTE = "unknown"
#: What nginx counts a request as whose client left before it was answered.
_CLIENT_LEFT = 499
#: Answers belong to who asked, and are what they say they are.
_HEADERS = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Observed:
    """Counts requests by the pattern of their path, and turns what no route expected into a plain 500."""

    def __init__(self, app: ASGIApp, *, services: Services) -> None:
        self._app = app
        self._services = services

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begin = self._services.clock.monotonic()
        status = 0

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        try:
            await self._app(scope, receive, noting)
        except ClientDisconnect:
            status = _CLIENT_LEFT
        except Exception:
            log.exception("a request failed", extra=_described(scope))
            if status:
                raise  # half an answer is out; the connection has to break
            await errors.internal()(scope, receive, noting)
        finally:
            duration = self._services.clock.monotonic() - begin
            if self._services.metrics is not None:
                method = scope["method"] if scope["method"] in _METHODS else _UNKNOWN_ROUTE
                self._services.metrics.request(method, _route(scope), status, duration)
            log.debug(
                "answered",
                extra={**_described(scope), "status": status, "seconds": duration.total_seconds()},
            )


def _described(scope: Scope) -> dict[str, object]:
    # The path alone: a query may hold what should not be logged.
    return {"action": "request", "method": scope["method"], "route": _route(scope)}


def _route(scope: Scope) -> str:
    """The pattern of the path, so that ids neither grow the metrics nor reach the log."""
    route = scope.get("route")
    path = getattr(route, "path", "")
    return path or _UNKNOWN_ROUTE
