"""The server as a web application: streamable HTTP, stateless, with bearer tokens."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.server.transport_security import TransportSecuritySettings

from chattool.identity import TOKEN_LIMIT, Unauthenticated
from chattool.mcp_server.answers import Origin
from chattool.mcp_server.library import make_server

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, MutableMapping
    from types import TracebackType

    from chattool.callers import Caller

    Scope = MutableMapping[str, Any]
    Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
    Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
    Client = tuple[str, int] | None
    VerifyToken = Callable[[str, Client], Awaitable[Caller | None]]

_CALLER = "chattool.caller"
_CHAT_HEADER = b"chattool-chat-id"
_LOCAL = ("localhost", "127.0.0.1", "[::1]")
_UNAUTHENTICATED = {"error": "invalid_token", "message": Unauthenticated.default_message}
_ONLY_POST = {"message": "There is no stream to follow here; send requests by POST."}


def mcp_app(verify_token: VerifyToken, *, external_url: str | None = None) -> McpApp:
    """An ASGI application for the path ``/mcp``, to be entered as a context for as long as it serves.

    ``verify_token`` gives the caller of a bearer token, ``None`` for one that is unknown, expired or revoked;
    it hears whose connection it is, too. What it raises, and what reading the body raises, is for the
    application around this one. Requests have to name a local host or that of ``external_url``.
    """
    return McpApp(verify_token, external_url=external_url)


class McpApp:
    """See ``mcp_app``. It has one path, so it does not look at the path that it is reached by."""

    def __init__(self, verify_token: VerifyToken, *, external_url: str | None) -> None:
        self._verify_token = verify_token
        self._security = _security(external_url)
        self._manager: StreamableHTTPSessionManager | None = None
        self._running: asyncio.Task[None] | None = None
        self._ending = asyncio.Event()

    async def __aenter__(self) -> Self:
        manager = StreamableHTTPSessionManager(
            app=make_server(_origin), stateless=True, security_settings=self._security
        )
        started = asyncio.Event()
        # In a task of its own: the library's scope has to be left by the task that entered it, which not
        # every application around this one does.
        self._running = asyncio.create_task(self._run(manager, started))
        await started.wait()
        if self._running.done():
            self._running.result()
        self._manager = manager
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._manager = None
        self._ending.set()
        if self._running is not None:
            await self._running

    async def _run(self, manager: StreamableHTTPSessionManager, started: asyncio.Event) -> None:
        try:
            async with manager.run():
                started.set()
                await self._ending.wait()
        finally:
            started.set()  # who waits for the start hears of its failure, too

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._manager is None:
            raise RuntimeError("the MCP application was not entered")
        caller = await self._caller(scope)
        if caller is None:
            header = (b"www-authenticate", b'Bearer error="invalid_token"')
            await _refuse(send, 401, _UNAUTHENTICATED, header)
        elif scope["method"] != "POST":
            # The library would open a stream that says nothing, ever, and keeps a server from ending.
            await _refuse(send, 405, _ONLY_POST, (b"allow", b"POST"))
        else:
            scope = {**scope, _CALLER: caller}
            await self._manager.handle_request(scope, await _with_body(receive), send)

    async def _caller(self, scope: Scope) -> Caller | None:
        scheme, _, token = _header(scope, b"authorization").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token or len(token) > TOKEN_LIMIT:
            return None
        return await self._verify_token(token, scope.get("client"))


def _origin(request: Any) -> Origin:  # noqa: ANN401 - the library's request
    handle = _header(request.scope, _CHAT_HEADER)

    async def caller() -> Caller:
        found: Caller = request.scope[_CALLER]
        return found

    return Origin(caller=caller, pinned=(handle,) if handle else ())


def _header(scope: Scope, wanted: bytes) -> str:
    values = [value for name, value in scope["headers"] if name == wanted]
    return values[0].decode("latin-1") if len(values) == 1 else ""


async def _with_body(receive: Receive) -> Receive:
    """Receives a request whose body has been read, past the library, which answers a limit with a 500."""
    message = await receive()
    body = [message.get("body", b"")]
    while message.get("more_body", False):
        message = await receive()
        body.append(message.get("body", b""))
    first: MutableMapping[str, Any] | None = {**message, "body": b"".join(body)}

    async def received() -> MutableMapping[str, Any]:
        nonlocal first
        given, first = first, None
        return await receive() if given is None else given

    return received


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


async def _refuse(send: Send, status: int, body: Mapping[str, str], header: tuple[bytes, bytes]) -> None:
    headers = [(b"content-type", b"application/json"), header]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})
