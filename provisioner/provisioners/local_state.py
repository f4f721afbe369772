"""What the local provisioner remembers of a workspace between builds."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from provisioner.errors import ProvisionerError


class StateInvalid(ProvisionerError):
    """The stored state is not one that the local provisioner wrote."""

    code = "STATE_INVALID"
    default_message = "the workspace's state cannot be read; it was not written by the local provisioner"


@dataclass(frozen=True, kw_only=True)
class AgentProcess:
    """A started agent. The start time tells its process from a later one with the same id."""

    name: str
    pid: int
    started: float
    """Seconds since the epoch."""


@dataclass(frozen=True, kw_only=True)
class LocalState:
    """Where the workspace's files are, and which agents run."""

    directory: Path
    agents: tuple[AgentProcess, ...] = ()

    def encoded(self) -> bytes:
        document = {"directory": str(self.directory), "agents": [asdict(agent) for agent in self.agents]}
        return json.dumps(document).encode()


def read_state(state: bytes) -> LocalState | None:
    """The state; ``None`` when nothing exists.

    Raises:
        StateInvalid: it cannot be read.
    """
    if not state.strip():
        return None
    try:
        document = json.loads(state)
        agents = tuple(
            AgentProcess(name=str(agent["name"]), pid=int(agent["pid"]), started=float(agent["started"]))
            for agent in document["agents"]
        )
        return LocalState(directory=Path(document["directory"]), agents=agents)
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise StateInvalid from error
