"""The agent's calls to the server.

Made with the standard library: an agent starts with every workspace, and importing an HTTP client
would take longer than everything else that it does.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import socket
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from db.clock import jittered
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from chattool.agent.settings import AgentSettings
    from db.clock import Clock

CALL_TIMEOUT = timedelta(seconds=5)
UNKNOWN_LIMIT = timedelta(minutes=10)
"""How long the server may not know the agent at first: it is stored when its build ends."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(milliseconds=50), timedelta(seconds=10)
# A server on this machine comes and goes with its use, and asking costs nothing when nobody listens. Whoever
# brings it back wants to see at once which workspaces live.
_LONGEST_PAUSE_ON_THIS_MACHINE = timedelta(seconds=1)
_ANSWER_LIMIT_BYTES = 4 << 20


class TokenRefused(ChattoolError):
    """The server does not know this agent: its workspace was stopped, or built anew."""

    code = "TOKEN_REFUSED"
    default_message = "the server does not know this agent"


class CallRefused(ChattoolError):
    """The server will never take this call."""

    code = "CALL_REFUSED"


class ServerAway(ChattoolError):
    """The server did not answer, or not now."""

    code = "SERVER_AWAY"
    retryable = True


class Server:
    """The server as seen by one agent. ``closing`` ends all waiting for it to come back."""

    def __init__(self, settings: AgentSettings, clock: Clock, closing: asyncio.Event) -> None:
        self._settings = settings
        self._clock = clock
        self._closing = closing
        self._known = False
        on_this_machine = settings.server_url_file is not None
        self._longest_pause = _LONGEST_PAUSE_ON_THIS_MACHINE if on_this_machine else _LONGEST_PAUSE

    async def deliver(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        wait: timedelta = timedelta(),
    ) -> Mapping[str, object]:
        """The answer, however long the server is away. It may ``wait`` before it answers.

        Raises:
            TokenRefused: the server does not know this agent, or no longer.
            CallRefused: it will never take this call.
            ServerAway: it was away when the agent was told to end.
        """
        since = self._clock.monotonic()
        pause = _FIRST_PAUSE
        while True:
            try:
                answer = await self.call(method, path, body, wait=wait)
            except ServerAway:
                if self._closing.is_set():
                    raise
            except TokenRefused:
                if self._known or self._closing.is_set() or self._clock.monotonic() - since > UNKNOWN_LIMIT:
                    raise
            else:
                self._known = True
                return answer
            await self._clock.wait(self._closing, jittered(pause))
            pause = min(pause * 2, self._longest_pause)

    async def call(
        self,
        method: str,
        path: str,
        body: Mapping[str, object] | None = None,
        *,
        wait: timedelta = timedelta(),
    ) -> Mapping[str, object]:
        """The answer to one call, which is made once. The server may ``wait`` before it answers.

        Raises:
            TokenRefused: the server does not know this agent.
            CallRefused: it will never take this call.
            ServerAway: it did not answer.
        """
        attempt = _Attempt(self._settings, method, path, body, wait)
        try:
            return await asyncio.to_thread(attempt.make)
        except asyncio.CancelledError:
            attempt.abort()  # a thread that waits for the server would keep the agent from ending
            raise


class _Attempt:
    """One call, made in a thread and given up from another."""

    def __init__(
        self,
        settings: AgentSettings,
        method: str,
        path: str,
        body: Mapping[str, object] | None,
        wait: timedelta,
    ) -> None:
        self._settings = settings
        self._request = (method, path, body)
        self._wait = wait
        self._socket: socket.socket | None = None
        self._aborted = False

    def make(self) -> Mapping[str, object]:
        method, path, body = self._request
        connection: http.client.HTTPConnection | None = None
        try:
            url = urlsplit(self._settings.current_url())
            connection = self._connection(url)
            connection.connect()
            connection.sock.settimeout((CALL_TIMEOUT + self._wait).total_seconds())
            self._socket = connection.sock
            if self._aborted:
                raise ServerAway("given up")
            connection.request(
                method,
                f"{url.path.rstrip('/')}/api/v2/workspaceagents/me/{path}",
                body=None if body is None else json.dumps(body),
                headers={
                    "Authorization": f"Bearer {self._settings.token}",
                    "Chattool-Agent-Name": self._settings.name,
                    "Content-Type": "application/json",
                },
            )
            response = connection.getresponse()
            return _answer(response.status, response.read(_ANSWER_LIMIT_BYTES))
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ServerAway(f"no answer from the server: {error}") from error
        finally:
            if connection is not None:
                connection.close()

    def abort(self) -> None:
        self._aborted = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)

    def _connection(self, url: SplitResult) -> http.client.HTTPConnection:
        host, seconds = url.hostname or "", CALL_TIMEOUT.total_seconds()
        if url.scheme != "https":
            return http.client.HTTPConnection(host, url.port, timeout=seconds)
        import ssl  # noqa: PLC0415 - slow to import, and most agents report to this machine

        context = ssl.create_default_context(cafile=self._settings.ca_file)
        return http.client.HTTPSConnection(host, url.port, timeout=seconds, context=context)


def _answer(status: int, content: bytes) -> Mapping[str, object]:
    if status == HTTPStatus.UNAUTHORIZED:
        raise TokenRefused
    if status in _PASSING or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise ServerAway(f"the server answered {status}")
    if status >= HTTPStatus.BAD_REQUEST:
        raise CallRefused(f"the server answered {status}")
    answer = json.loads(content) if content else {}
    if not isinstance(answer, dict):
        raise ServerAway("the server answered with something else than an object")
    return answer


# 404 comes from a proxy, or from another server that was given the port.
_PASSING = frozenset({HTTPStatus.NOT_FOUND, HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})
