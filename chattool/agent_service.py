"""What workspace agents ask of the server, and what they tell it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import AgentId, WorkspaceId
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


class AgentService(Protocol):
    """The server's side. Every method counts as contact, and raises ``AgentUnknown``."""

    async def manifest(self, caller: AgentCredentials) -> AgentManifest:
        """What the agent is to do."""
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
