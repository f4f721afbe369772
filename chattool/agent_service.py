"""What workspace agents ask of the server, and what they tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import timedelta
    from uuid import UUID

    from db.agent_calls import AgentCall
    from db.ids import AgentCallId, AgentId, WorkspaceId
    from db.states import AgentLifecycle, LogLevel


class AgentUnknown(ChattoolError):
    """No agent has this token and name, at least not yet: builds store their agents when they end."""

    code = "AGENT_UNKNOWN"
    default_message = "no agent has this token and name"


@dataclass(frozen=True, kw_only=True)
class AgentCredentials:
    """How an agent identifies itself. One token serves all agents of a build."""

    token: str
    name: str

    def __repr__(self) -> str:
        return f"AgentCredentials(name={self.name!r})"


@dataclass(frozen=True, kw_only=True)
class AgentManifest:
    """What an agent has to know about itself."""

    agent_id: AgentId
    agent_name: str
    workspace_id: WorkspaceId
    workspace_name: str
    startup_script: str


@dataclass(frozen=True, kw_only=True)
class AgentLogLine:
    """One line that a start-up script wrote."""

    level: LogLevel
    output: str


@dataclass(frozen=True, kw_only=True)
class NextCalls:
    """Calls that an agent is to answer, and those of which nobody awaits the answer any more."""

    calls: Sequence[AgentCall] = ()
    withdrawn: Sequence[AgentCallId] = ()


class AgentService(Protocol):
    """The server's side. Every method counts as contact, and raises ``AgentUnknown``."""

    async def manifest(self, caller: AgentCredentials) -> AgentManifest:
        """What the agent is to do. The call of an agent that begins: what an earlier run took is lost."""
        ...

    async def heartbeat(self, caller: AgentCredentials) -> None:
        """The agent is alive."""
        ...

    async def report_lifecycle(self, caller: AgentCredentials, state: AgentLifecycle) -> None:
        """How far the agent's scripts are."""
        ...

    async def append_logs(self, caller: AgentCredentials, lines: Sequence[AgentLogLine]) -> None:
        """What the scripts wrote."""
        ...

    async def next_calls(
        self,
        caller: AgentCredentials,
        run: UUID,
        *,
        known: Collection[AgentCallId],
        limit: int,
        wait: timedelta,
    ) -> NextCalls:
        """Up to ``limit`` calls for this ``run`` of the agent, as soon as there are any; none after ``wait``.

        ``known`` are the calls that it works on. A call is given to one run only, but perhaps repeatedly.
        """
        ...

    async def answer_call(self, caller: AgentCredentials, call_id: AgentCallId, response: str) -> None:
        """What the agent answers to a call, as JSON; ignored when nobody waits any more."""
        ...
