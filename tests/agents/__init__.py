"""The server's side of workspace agents, kept in memory, for tests of the agent alone."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Self
from uuid import UUID

from chattool.agent_service import AgentCredentials, AgentLogLine, AgentManifest, AgentUnknown
from db.ids import AgentId, WorkspaceId
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

    async def _known(self, caller: AgentCredentials) -> None:
        if caller.token != self.accepted:
            async with self._changed:
                self.refusals += 1
                self._changed.notify_all()
            raise AgentUnknown
