"""Calls to the agent inside a workspace, whichever way they travel.

::

    ChattoolError
    '- AgentCallError
       |- AgentAway          nobody took the call; nothing was done
       |- AgentCallLost      it was taken and never answered; what it did is unknown
       '- AgentCallFailed    the agent answered that it cannot; ``reason`` says why, as a code
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from db.errors import ChattoolError, RequestError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.backend import Actor
    from db.ids import AgentId

MESSAGE_LIMIT_BYTES = 1 << 20
"""How long a request and an answer may be, as JSON."""
LONGEST_CALL = timedelta(minutes=15)


class AgentCallError(ChattoolError):
    """A call to a workspace's agent came to nothing."""

    code = "AGENT_CALL"


class AgentAway(AgentCallError):
    """The agent did not take the call in time. Nothing was done."""

    code = "AGENT_AWAY"
    default_message = "the workspace's agent did not take the call; nothing was done"


class AgentCallLost(AgentCallError):
    """The agent took the call and will not, or did not in time, answer it. What was done is unknown."""

    code = "OUTCOME_UNKNOWN"
    default_message = "the workspace's agent was lost during the call; what was done is unknown"


class AgentCallFailed(AgentCallError):
    """The agent answered that it cannot do this."""

    code = "AGENT_CALL_FAILED"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class AgentCalls(Protocol):
    """What carries calls to workspace agents."""

    async def agent_call(
        self,
        actor: Actor,
        agent_id: AgentId,
        method: str,
        request: Mapping[str, object],
        *,
        timeout: timedelta,
    ) -> Mapping[str, object]:
        """The agent's answer. A caller that is cancelled, or out of time, stops what the call has begun.

        Raises:
            NotFound: there is no such agent, or not for this actor.
            RequestError: 413, the request is too large.
            AgentAway, AgentCallLost, AgentCallFailed: see there.
        """
        ...


def encoded(message: Mapping[str, object]) -> str:
    """The message as JSON.

    Raises:
        RequestError: 413, it is too large.
    """
    # As ASCII: a lone surrogate, or a NUL, is then no problem for anybody on the way.
    text = json.dumps(message, separators=(",", ":"))
    if len(text) > MESSAGE_LIMIT_BYTES:
        raise RequestError(413, f"the request is larger than {MESSAGE_LIMIT_BYTES} bytes")
    return text


def answer_of(text: str) -> Mapping[str, object]:
    """What the agent answered: ``{"result": …}`` or ``{"error": {"reason": …, "message": …}}``.

    Raises:
        AgentCallFailed: an error, or nothing that can be read.
    """
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if isinstance(answer, dict):
        if isinstance(result := answer.get("result"), dict):
            return result
        if isinstance(error := answer.get("error"), dict):
            raise AgentCallFailed(str(error.get("reason", "")), str(error.get("message", "")))
    raise AgentCallFailed("UNREADABLE_ANSWER", "the workspace's agent answered something unreadable")
