"""Who calls a route: a parameter of type ``CallerOf`` makes the route one for signed-in users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request, Response
from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection

from chattool.api.services import ServicesOf
from chattool.identity import TOKEN_LIMIT, Caller, Scope, Unauthenticated, caller_of
from db.errors import RequestError

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine
    from typing import Any

    from starlette.datastructures import Headers

_CALLER = "caller"
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


def token_of(headers: Headers) -> str:
    """The token in the headers: ``Coder-Session-Token``, else ``Authorization: Bearer``; empty for none."""
    token = headers.get("coder-session-token", "")
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if not token and scheme.lower() == "bearer":
        token = bearer.strip()
    return token if len(token) <= TOKEN_LIMIT else ""


async def _caller(connection: HTTPConnection, services: ServicesOf) -> Caller:
    known: Caller | None = getattr(connection.state, _CALLER, None)
    if known is not None:
        return known
    token = token_of(connection.headers)
    caller = await caller_of(services.store, token) if token else None
    if caller is None:
        raise Unauthenticated
    # A WebSocket, which has no method, only tells.
    if caller.scope is Scope.READ and connection.scope.get("method", "GET") not in _READING:
        raise RequestError(403, "Forbidden.", detail="This token may only read.")
    setattr(connection.state, _CALLER, caller)
    return caller


class SignedInFirst(APIRoute):
    """A route that reads no body of who is not signed in."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The handler, behind the question who calls."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            await _caller(request, request.app.state.services)
            return await handle(request)

        return answer


CallerOf = Annotated[Caller, Depends(_caller)]
