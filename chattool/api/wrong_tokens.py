"""Whoever keeps presenting wrong tokens is told to wait: users' tokens, daemons' keys and agents' alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.api import errors
from chattool.api.failures import TooManyFailures

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from chattool.api.services import Services

_UNAUTHORIZED = 401
_STARTS = frozenset({"http.response.start", "websocket.http.response.start"})
_CREDENTIALS = frozenset({b"authorization", b"coder-session-token"})


class WrongTokens:
    """Counts the answers 401 to requests that came with credentials; one too many becomes a 429.

    Around the whole application, so that no route can be forgotten. Paths below ``agents`` have a limit of
    their own.
    """

    def __init__(self, app: ASGIApp, *, services: Services, agents: str) -> None:
        self._app = app
        self._services = services
        self._agents = agents

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or not any(
            name in _CREDENTIALS and value for name, value in scope["headers"]
        ):
            await self._app(scope, receive, send)
            return
        replaced = False

        async def counting(message: Message) -> None:
            nonlocal replaced
            if replaced:
                return  # the rest of the answer that was replaced
            if message["type"] in _STARTS and message["status"] == _UNAUTHORIZED:
                try:
                    self._note(scope)
                except TooManyFailures as error:
                    replaced = True
                    await errors.refusal(error)(scope, receive, send)
                    return
            await send(message)

        await self._app(scope, receive, counting)

    def _note(self, scope: Scope) -> None:
        of_agent = scope["path"].startswith(self._agents)
        limit = self._services.agent_failures if of_agent else self._services.failures
        limit.note(scope.get("client"), self._services.clock)
