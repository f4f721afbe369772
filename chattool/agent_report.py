"""How the agent of a workspace turned out, and what whoever asked does next."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar, assert_never

from chattool.results import AgentStatus, Result, StartupScripts
from db.states import AgentConnection

if TYPE_CHECKING:
    from db.ids import AgentId

R = TypeVar("R", bound=Result)

_AFRESH = "Call stop_workspace, then start_workspace, to start it afresh."
_SILENT = f"The workspace runs, but its agent does not answer. {_AFRESH}"
_ENDED = f"The workspace runs, but its agent ends or has ended. {_AFRESH}"
_STARTING = "The workspace runs; its agent is still starting. Call wait_for_workspace to keep waiting for it."
_UNUSABLE = "The workspace runs, but its agent cannot be used: see agent_error."

_FAILED_SCRIPT = (
    "The workspace runs and its agent can be used, but its start-up script failed. "
    "Call get_workspace_agent_logs with agent_id {agent_id} to read what it wrote and how it ended."
)

AWAY = (AgentConnection.DISCONNECTED, AgentConnection.TIMEOUT)


def sentences(*texts: object) -> str | None:
    """The texts that there are, one after the other; a single one is left as it is."""
    there = [str(text) for text in texts if text]
    return " ".join(text if text is there[-1] else text.rstrip(".") + "." for text in there) or None


@dataclass(frozen=True, kw_only=True)
class AgentReport:
    """The agent fields of a result."""

    agent_status: AgentStatus
    agent_error: str | None = None
    startup_scripts: StartupScripts | None = None
    lifecycle_state: str | None = None
    connection: AgentConnection | None = None
    """How the record showed the agent before anything was waited for; no field of a result."""
    agent_id: AgentId | None = None
    """Which agent it is; no field of a result, either."""

    def fields(self) -> dict[str, object]:
        return {
            "agent_status": self.agent_status,
            "agent_error": self.agent_error,
            "startup_scripts": self.startup_scripts,
            "lifecycle_state": self.lifecycle_state,
        }

    def completed(self, draft: R) -> R:
        """The draft with the agent fields, and with the advice behind its message."""
        message = sentences(draft.document().get("message"), self.advice)
        return draft.model_copy(update={**self.fields(), "message": message})

    @property
    def advice(self) -> str | None:
        """What is amiss and which tool comes next; ``None`` when all is well."""
        match self.agent_status:
            case AgentStatus.READY if self.startup_scripts is not None:
                return _FAILED_SCRIPT.format(agent_id=self.agent_id)
            case AgentStatus.READY | AgentStatus.NO_AGENT:
                return None
            case AgentStatus.STARTING:
                return _STARTING
            case AgentStatus.NOT_READY if self.connection in AWAY:
                return _SILENT  # away before and after waiting, so only a new start can help
            case AgentStatus.NOT_READY if self.lifecycle_state is not None:
                return _ENDED
            case AgentStatus.NOT_READY | AgentStatus.SELECTION_ERROR:
                return _UNUSABLE
            case _:
                assert_never(self.agent_status)
