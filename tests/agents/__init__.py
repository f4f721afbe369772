"""The server's side of workspace agents, kept in memory, for tests of the agent alone."""

import asyncio
import json
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from datetime import timedelta
from typing import Any, Self
from uuid import UUID, uuid4

from chattool.agent_service import AgentCredentials, AgentLogLine, AgentManifest, AgentUnknown, NextCalls
from db.agent_calls import AgentCall
from db.ids import AgentCallId, AgentId, WorkspaceId
from db.states import AgentLifecycle

ID = UUID("12345678-0000-4000-8000-000000000000")
GUARD_SECONDS = 20


class RecordingAgents:
    """Knows the agents of one token, and remembers what they report."""

    def __init__(self, startup_script: str = "") -> None:
        self.accepted = "secret-token"
        self.startup_script = startup_script
        self.lifecycles: list[tuple[str, AgentLifecycle]] = []
        self.lines: list[str] = []
        self.heartbeats = 0
        self.refusals = 0
        self.posted: list[AgentCall] = []
        self.withdrawn: list[AgentCallId] = []
        self.answers: dict[AgentCallId, dict[str, Any]] = {}
        self._changed = asyncio.Condition()

    async def until(self, condition: Callable[[Self], bool]) -> None:
        """Wait until the reports fulfil ``condition``."""
        async with asyncio.timeout(GUARD_SECONDS), self._changed:
            await self._changed.wait_for(lambda: condition(self))

    async def until_state(self, state: AgentLifecycle, name: str = "main") -> None:
        await self.until(lambda agents: (name, state) in agents.lifecycles)

    async def manifest(self, caller: AgentCredentials) -> AgentManifest:
        await self._known(caller)
        return AgentManifest(
            agent_id=AgentId(ID),
            agent_name=caller.name,
            workspace_id=WorkspaceId(ID),
            workspace_name="dev",
            startup_script=self.startup_script,
        )

    async def heartbeat(self, caller: AgentCredentials) -> None:
        await self._known(caller)
        async with self._changed:
            self.heartbeats += 1
            self._changed.notify_all()

    async def report_lifecycle(self, caller: AgentCredentials, state: AgentLifecycle) -> None:
        await self._known(caller)
        async with self._changed:
            self.lifecycles.append((caller.name, state))
            self._changed.notify_all()

    async def append_logs(self, caller: AgentCredentials, lines: Sequence[AgentLogLine]) -> None:
        await self._known(caller)
        async with self._changed:
            self.lines.extend(line.output for line in lines)
            self._changed.notify_all()

    async def next_calls(
        self,
        caller: AgentCredentials,
        run: UUID,
        *,
        known: Collection[AgentCallId],
        limit: int,
        wait: timedelta,
    ) -> NextCalls:
        """Everything that is not answered, again and again, as a server may that lost an answer."""
        await self._known(caller)

        def found() -> NextCalls:
            calls = [call for call in self.posted if call.id not in known and call.id not in self.answers]
            withdrawn = [each for each in self.withdrawn if each not in self.answers]
            return NextCalls(calls=calls[:limit], withdrawn=withdrawn)

        async with self._changed:
            with suppress(TimeoutError):
                async with asyncio.timeout(wait.total_seconds()):
                    await self._changed.wait_for(lambda: found() != NextCalls(calls=[], withdrawn=[]))
            return found()

    async def answer_call(self, caller: AgentCredentials, call_id: AgentCallId, response: str) -> None:
        await self._known(caller)
        async with self._changed:
            self.answers[call_id] = json.loads(response)
            self._changed.notify_all()

    async def post(self, method: str, **request: object) -> AgentCallId:
        """Call the agent."""
        call = AgentCall(id=AgentCallId(uuid4()), method=method, request=json.dumps(request))
        async with self._changed:
            self.posted.append(call)
            self._changed.notify_all()
        return call.id

    async def withdraw(self, call_id: AgentCallId) -> None:
        async with self._changed:
            self.withdrawn.append(call_id)
            self._changed.notify_all()

    async def answer(self, call_id: AgentCallId) -> dict[str, Any]:
        """The result that the agent answered to a call, or its error."""
        await self.until(lambda agents: call_id in agents.answers)
        answer = self.answers[call_id]
        return dict(answer.get("result") or answer["error"])

    async def call(self, method: str, **request: object) -> dict[str, Any]:
        return await self.answer(await self.post(method, **request))

    async def _known(self, caller: AgentCredentials) -> None:
        if caller.token != self.accepted:
            async with self._changed:
                self.refusals += 1
                self._changed.notify_all()
            raise AgentUnknown
