"""Who calls a route: a parameter of type ``CallerOf`` makes the route one for signed-in users."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from fastapi import Depends
from starlette.requests import HTTPConnection

from chattool.api.services import ServicesOf
from chattool.identity import Caller, Scope, Unauthenticated, caller_of
from db.errors import RequestError

if TYPE_CHECKING:
    from starlette.datastructures import Headers

_READING = frozenset({"GET", "HEAD", "OPTIONS"})
#: Longer than any token of ours, and short enough to be hashed for anybody.
TOKEN_LIMIT = 256


def token_of(headers: Headers) -> str:
    """The token in the headers: ``Coder-Session-Token``, else ``Authorization: Bearer``; empty for none."""
    token = headers.get("coder-session-token", "")
    scheme, _, bearer = headers.get("authorization", "").partition(" ")
    if not token and scheme.lower() == "bearer":
        token = bearer.strip()
    return token if len(token) <= TOKEN_LIMIT else ""


async def _caller(connection: HTTPConnection, services: ServicesOf) -> Caller:
    token = token_of(connection.headers)
    caller = await caller_of(services.store, token) if token else None
    if caller is None:
        raise Unauthenticated
    # A WebSocket, which has no method, only tells.
    if caller.scope is Scope.READ and connection.scope.get("method", "GET") not in _READING:
        raise RequestError(403, "Forbidden.", detail="This token may only read.")
    return caller


CallerOf = Annotated[Caller, Depends(_caller)]
