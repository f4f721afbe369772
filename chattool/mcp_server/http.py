"""The server as a web application: streamable HTTP, stateless, with bearer tokens."""

from __future__ import annotations

import json
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from chattool.mcp_server.answers import Origin
from chattool.mcp_server.library import make_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, MutableMapping
    from types import TracebackType

    from chattool.callers import Caller

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    VerifyToken = Callable[[str], Awaitable[Caller | None]]

_CALLER = "chattool.caller"
_CHAT_HEADER = b"chattool-chat-id"
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_LONGEST_BODY = 4 << 20
_LONGEST_TOKEN = 4096


def mcp_app(verify_token: VerifyToken, *, external_url: str | None = None) -> McpApp:
    """An ASGI application for the path ``/mcp``, to be entered as a context for as long as it serves.

    ``verify_token`` gives the caller of a bearer token, ``None`` for one that is unknown, expired or revoked.
    Requests have to name a local host or that of ``external_url``.
    """
    return McpApp(verify_token, external_url=external_url)


class McpApp:
    """See ``mcp_app``. It has one path, so it does not look at the path that it is reached by."""

    def __init__(self, verify_token: VerifyToken, *, external_url: str | None) -> None:
        self._verify_token = verify_token
        self._security = _security(external_url)
        self._stack = AsyncExitStack()
        self._manager: StreamableHTTPSessionManager | None = None

    async def __aenter__(self) -> Self:
        self._manager = StreamableHTTPSessionManager(
            app=make_server(_origin), stateless=True, security_settings=self._security
        )
        await self._stack.enter_async_context(self._manager.run())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._stack.__aexit__(kind, error, traceback)
        self._manager = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._manager is None:
            raise RuntimeError("the MCP application was not entered")
        caller = await self._caller(scope)
        if caller is None:
            await _refuse(send, 401, "invalid_token", "Bearer")
        elif _announced_bytes(scope) > _LONGEST_BODY:
            await _refuse(send, 413, "body_too_large")
        else:
            await self._manager.handle_request({**scope, _CALLER: caller}, _bounded(receive), send)

    async def _caller(self, scope: Scope) -> Caller | None:
        scheme, _, token = _header(scope, b"authorization").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > _LONGEST_TOKEN:
            return None
        return await self._verify_token(token)


def _origin(request: Any) -> Origin:  # noqa: ANN401 - the library's request
    handle = _header(request.scope, _CHAT_HEADER)

    async def caller() -> Caller:
        found: Caller = request.scope[_CALLER]
        return found

    return Origin(caller=caller, pinned=(handle,) if handle else ())


def _header(scope: Scope, wanted: bytes) -> str:
    values = [value for name, value in scope["headers"] if name == wanted]
    return values[0].decode("latin-1") if len(values) == 1 else ""


def _bounded(receive: Receive) -> Receive:
    """For bodies that did not say how long they are: the client counts as gone when one gets too long."""
    received = 0

    async def bounded() -> MutableMapping[str, Any]:
        nonlocal received
        message = await receive()
        received += len(message.get("body", b""))
        return message if received <= _LONGEST_BODY else {"type": "http.disconnect"}

    return bounded


def _announced_bytes(scope: Scope) -> int:
    text = _header(scope, b"content-length")
    return int(text) if text.isdigit() else 0


def _security(external_url: str | None) -> TransportSecuritySettings:
    hosts = [pattern for name in _LOCAL for pattern in (name, f"{name}:*")]
    origins = [f"http://{pattern}" for pattern in hosts]
    if external_url is not None:
        parts = urlsplit(external_url)
        hosts += [parts.netloc, parts.hostname or "", f"{parts.hostname}:*"]
        origins.append(f"{parts.scheme}://{parts.netloc}")
    return TransportSecuritySettings(
        enable_dns_rebinding_protection=True, allowed_hosts=hosts, allowed_origins=origins
    )


async def _refuse(send: Send, status: int, error: str, scheme: str = "") -> None:
    headers = [(b"content-type", b"application/json")]
    if scheme:
        headers.append((b"www-authenticate", f'{scheme} error="{error}"'.encode()))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})
