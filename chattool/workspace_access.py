"""The way from a chat to the agent of its running workspace."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto
from http import HTTPStatus
from typing import TYPE_CHECKING, Literal, TypeVar, assert_never

from pydantic import ValidationError

from chattool.agent_selection import selected_agent
from chattool.build_state import BuildState
from chattool.call import Call
from chattool.errors import AgentSelectionError, ToolError
from chattool.readiness import read_agents
from chattool.results import ToolResponse, identity
from chattool.situation import existing, read_situation
from chattool.workspace_calls import AgentAway, AgentCallFailed, AgentCallLost
from db.errors import ChattoolError, NotFound, RequestError
from db.states import AgentConnection, AgentLifecycle, Transition

if TYPE_CHECKING:
    from collections.abc import Awaitable, Mapping

    from chattool.backend import Agent, Workspace
    from chattool.context import ToolContext
    from chattool.situation import Existing
    from chattool.workspace_results import WorkspaceAnswer

A = TypeVar("A", bound="WorkspaceAnswer")

#: What a call may take beside the time that it is asked to wait.
CALL_MARGIN = timedelta(seconds=15)
_ZERO = timedelta()
_RESTART = "call stop_workspace, then start_workspace"
_ENDED = frozenset(
    {
        AgentLifecycle.SHUTTING_DOWN,
        AgentLifecycle.SHUTDOWN_TIMEOUT,
        AgentLifecycle.SHUTDOWN_ERROR,
        AgentLifecycle.OFF,
    }
)


class Outcome(Enum):
    """What is known about what a call has done in the workspace."""

    NOTHING_DONE = auto()
    ANSWERED = auto()
    """The agent has answered, or is known to be lost."""
    UNKNOWN = auto()


@dataclass(frozen=True)
class Reached:
    """A running workspace whose agent is in contact."""

    workspace: Workspace
    agent: Agent


class WorkspaceCall(Call):
    """One call of a tool that works inside the chat's workspace, made as the chat's owner."""

    def __init__(self, context: ToolContext, tool: str, *, wait: timedelta | None = None) -> None:
        super().__init__(context, wait=wait, owner_error=f"authorize {tool} owner")
        self.tool = tool
        self.outcome = Outcome.NOTHING_DONE
        self._reached: Reached | None = None

    async def reach(self) -> Reached:
        """The workspace with its agent, after waiting a little for that to be in contact.

        Raises:
            ToolError: the chat has no running workspace, or its agent is away; the text says what to call.
        """
        if self._reached is None:
            found = _running(existing(await read_situation(self)))
            self._reached = Reached(found.workspace, await self._agent(found))
        return self._reached

    async def ask(self, method: str, request: Mapping[str, object], model: type[A], **more: object) -> A:
        """The agent's answer as a result. ``request`` may name ``wait_ms``, which is waited in addition.

        Raises:
            ToolError: there is none; the text says what to call.
        """
        reached = await self.reach()
        actor = await self.owner()
        wait = request.get("wait_ms", 0)
        timeout = CALL_MARGIN + timedelta(milliseconds=wait if isinstance(wait, int) else 0)
        self.outcome = Outcome.UNKNOWN
        try:
            answer = await self.backend.agent_call(actor, reached.agent.id, method, request, timeout=timeout)
        except ChattoolError as error:
            self.outcome = _outcome(error)
            raise ToolError(self._text(error)) from error
        self.outcome = Outcome.ANSWERED
        fields = {**answer, **more, **identity(reached.workspace), "startup": _startup(reached.agent)}
        try:
            return model.model_validate({name: fields[name] for name in model.model_fields.keys() & fields})
        except ValidationError as error:
            raise ToolError(f"the workspace's agent answered something unexpected; {_RESTART}") from error

    async def _agent(self, found: Existing) -> Agent:
        agent = await self._selected(found)
        if _in_contact(agent):
            return agent
        deadline = self.clock.monotonic() + self.settings.agent_reconnect_window
        with self.backend.agent_changes(agent.id) as changes:
            while True:
                agent = await self._selected(found)
                if _in_contact(agent):
                    return agent
                left = self.left(deadline - self.clock.monotonic())
                if left <= _ZERO:
                    raise ToolError(_away(agent))
                await changes.wait(min(left, self.settings.agent_retry_interval))

    async def _selected(self, found: Existing) -> Agent:
        agents = await read_agents(self, found.build.id)
        if not agents:
            raise ToolError(
                "the workspace has no agent, so nothing can be done inside it; its template has none"
            )
        try:
            return selected_agent(agents, self.settings.chat_agent_suffix)
        except AgentSelectionError as error:
            raise ToolError(str(error)) from error

    def _text(self, error: ChattoolError) -> str:
        match error:
            case AgentAway():
                return (
                    "the workspace's agent did not take the call in time; nothing was done. "
                    f"Try again; if that does not help, {_RESTART}"
                )
            case AgentCallLost():
                return (
                    f"the workspace's agent was lost during {self.tool}; what was done is unknown. "
                    f"Look at the workspace before you repeat it; if the agent stays away, {_RESTART}"
                )
            case AgentCallFailed(reason="UNKNOWN_METHOD"):
                return f"the workspace's agent is too old for {self.tool}; {_RESTART}"
            case NotFound():
                return "the workspace was built anew meanwhile; call start_workspace, then try again"
            case _:
                return str(error)


def _outcome(error: ChattoolError) -> Outcome:
    match error:
        case AgentAway():
            return Outcome.NOTHING_DONE
        case RequestError() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            return Outcome.NOTHING_DONE
        case AgentCallFailed() | AgentCallLost():
            return Outcome.ANSWERED
        case _:
            return Outcome.UNKNOWN


async def answer(work: Awaitable[WorkspaceAnswer]) -> ToolResponse:
    """The response that carries the result of ``work``; a ``ToolError`` of it is a text error."""
    try:
        return ToolResponse.of(await work)
    except ToolError as error:
        return ToolResponse.text_error(str(error))


def _running(found: Existing) -> Existing:
    match found.state:
        case BuildState.RUNNING:
            return found
        case BuildState.STOPPED:
            raise ToolError("the workspace is stopped; call start_workspace first")
        case BuildState.BROKEN:
            raise ToolError("the workspace's last build did not succeed; call start_workspace first")
        case BuildState.IN_PROGRESS:
            doing = "starting" if found.build.transition is Transition.START else "stopping"
            raise ToolError(f"the workspace is {doing}; call wait_for_workspace, or start_workspace, first")
        case _:
            assert_never(found.state)


def _in_contact(agent: Agent) -> bool:
    return agent.connection is AgentConnection.CONNECTED and agent.lifecycle_state not in _ENDED


def _away(agent: Agent) -> str:
    if agent.external:
        done = "reconnect" if agent.ever_connected else "start"
        return f"the workspace's external agent is not connected; ask the user to {done} it"
    if not agent.ever_connected:
        return (
            "the workspace's agent has not connected yet; call start_workspace to wait for it, or, "
            f"if that does not help, {_RESTART}"
        )
    return f"the workspace's agent is not connected; {_RESTART}"


def _startup(agent: Agent) -> Literal["running", "failed"] | None:
    match agent.lifecycle_state:
        case AgentLifecycle.CREATED | AgentLifecycle.STARTING:
            return "running"
        case AgentLifecycle.START_ERROR | AgentLifecycle.START_TIMEOUT:
            return "failed"
        case _:
            return None
