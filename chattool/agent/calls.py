"""Calls from outside: asked for by the agent, done here, answered."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.agent.answers import CallProblem
from chattool.agent.server import CallRefused

if TYPE_CHECKING:
    import asyncio

    from chattool.agent.methods import Methods
    from chattool.agent.server import Server
    from db.clock import Clock

AT_ONCE_LIMIT = 32
LONGEST_WAIT = timedelta(seconds=25)
_WAIT_WHILE_FULL = timedelta(seconds=1)
_PAUSE_AFTER_REFUSAL = timedelta(seconds=10)
_REMEMBERED = 4096

_logger = logging.getLogger(__name__)


class Calls:
    """Asks for calls and answers them, several at once. No call is done twice in one run."""

    def __init__(self, server: Server, methods: Methods, clock: Clock) -> None:
        self._server = server
        self._methods = methods
        self._clock = clock
        self._run = str(uuid.uuid4())
        self._working: dict[str, asyncio.Task[None]] = {}
        self._seen: dict[str, None] = {}

    async def answer(self, group: asyncio.TaskGroup) -> None:
        """Answer calls by tasks of ``group``; never ends by itself.

        Raises:
            TokenRefused: the server does not know this agent any more.
            ServerAway: it was away when the agent was told to end.
        """
        while True:
            free = AT_ONCE_LIMIT - len(self._working)
            wait = LONGEST_WAIT if free else _WAIT_WHILE_FULL
            wanted = {
                "run": self._run,
                "known": list(self._working),
                "limit": free,
                "wait_ms": round(wait.total_seconds() * 1000),
            }
            try:
                found = await self._server.deliver("POST", "calls", wanted, wait=wait)
            except CallRefused:  # a server that knows nothing of calls
                await self._clock.sleep(_PAUSE_AFTER_REFUSAL)
                continue
            for call_id in _list(found, "withdrawn"):
                await self._withdraw(str(call_id))
            for call in _list(found, "calls"):
                if isinstance(call, Mapping):
                    self._begin(group, str(call.get("id")), call)

    def _begin(self, group: asyncio.TaskGroup, call_id: str, call: Mapping[str, object]) -> None:
        if call_id in self._seen:
            return
        self._seen[call_id] = None
        if len(self._seen) > _REMEMBERED:
            del self._seen[next(iter(self._seen))]
        task = group.create_task(self._do(call_id, call))
        self._working[call_id] = task
        task.add_done_callback(lambda _: self._working.pop(call_id, None))

    async def _do(self, call_id: str, call: Mapping[str, object]) -> None:
        method, request = str(call.get("method")), call.get("request")
        answer: dict[str, object]
        try:
            result = await self._methods.call(method, request if isinstance(request, Mapping) else {})
            answer = {"result": result}
        except CallProblem as problem:
            answer = _error(problem.reason, str(problem))
        except Exception:  # what is wrong with one call must not end the agent
            _logger.exception("a call failed: %s", method)
            answer = _error("INTERNAL", f"internal error of the workspace's agent in {method}")
        try:
            await self._answer(call_id, answer)
        except CallRefused:
            await self._answer(call_id, _error("UNREADABLE_ANSWER", "the answer could not be delivered"))

    async def _withdraw(self, call_id: str) -> None:
        """End a call that nobody waits for, and say so, that it is not mentioned again."""
        if (task := self._working.get(call_id)) is not None:
            task.cancel()
        await self._answer(call_id, _error("WITHDRAWN", "withdrawn"))

    async def _answer(self, call_id: str, answer: Mapping[str, object]) -> None:
        await self._server.deliver("POST", f"calls/{call_id}/answer", answer)


def _error(reason: str, message: str) -> dict[str, object]:
    return {"error": {"reason": reason, "message": message}}


def _list(found: Mapping[str, object], name: str) -> list[object]:
    value = found.get(name)
    return value if isinstance(value, list) else []
