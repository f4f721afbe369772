"""Calls to workspace agents: a mailbox, since callers and the agents' endpoint may be different processes.

A call is posted, taken by one run of its agent, answered, and removed by the caller that gets the answer. It
is never handed to a second run of the agent, so nothing is ever done twice: what was taken and not answered
is *lost*, and its caller is told so.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update

from db import ids
from db.states import has_said_goodbye
from db.tables import workspace_agent_calls as calls
from db.tables import workspace_agents

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from db.ids import AgentCallId, AgentId
    from db.transactions import Connection

_OPEN_LIMIT = 256

_INSERT = insert(calls).values(
    {name: bindparam(name) for name in ("id", "agent_id", "method", "request", "created_at", "expires_at")}
)
_OPEN = (
    select(calls.c.id, calls.c.withdrawn_at)
    .where(
        calls.c.agent_id == bindparam("agent"),
        calls.c.answered_at.is_(None),
        or_(
            and_(
                calls.c.withdrawn_at.is_(None),
                calls.c.expires_at > bindparam("now"),
                or_(calls.c.taken_by.is_(None), calls.c.taken_by == bindparam("run")),
            ),
            and_(calls.c.withdrawn_at.is_not(None), calls.c.taken_by == bindparam("run")),
        ),
    )
    .order_by(calls.c.created_at, calls.c.id)
    .limit(_OPEN_LIMIT)
)
_TAKE = (
    update(calls)
    .where(
        calls.c.id == bindparam("call"),
        calls.c.agent_id == bindparam("agent"),
        calls.c.answered_at.is_(None),
        calls.c.withdrawn_at.is_(None),
        calls.c.expires_at > bindparam("now"),
        or_(calls.c.taken_by.is_(None), calls.c.taken_by == bindparam("run")),
    )
    .values(taken_by=bindparam("run"), taken_at=bindparam("now"))
    .returning(calls.c.id, calls.c.method, calls.c.request)
)
_ANSWER = (
    update(calls)
    .where(
        calls.c.id == bindparam("call"),
        calls.c.agent_id == bindparam("agent"),
        calls.c.taken_by.is_not(None),
        calls.c.withdrawn_at.is_(None),
        calls.c.answered_at.is_(None),
    )
    .values(answered_at=bindparam("now"), response=bindparam("response"))
)
_FORGET_WITHDRAWN = delete(calls).where(
    calls.c.id == bindparam("call"),
    calls.c.agent_id == bindparam("agent"),
    calls.c.withdrawn_at.is_not(None),
)
_TAKEN_OF_AGENT = select(calls.c.id).where(
    calls.c.agent_id == bindparam("agent"), calls.c.taken_by.is_not(None), calls.c.answered_at.is_(None)
)
_LOSE = (
    update(calls)
    .where(calls.c.id == bindparam("call"), calls.c.answered_at.is_(None))
    .values(answered_at=bindparam("now"), response=None)
)
_STATE = (
    select(
        calls.c.taken_by,
        calls.c.answered_at,
        calls.c.response,
        workspace_agents.c.deleted,
        workspace_agents.c.disconnected_at,
        workspace_agents.c.last_connected_at,
    )
    .select_from(calls.join(workspace_agents, workspace_agents.c.id == calls.c.agent_id))
    .where(calls.c.id == bindparam("call"))
)
_REMOVE = delete(calls).where(calls.c.id == bindparam("call"))
_WITHDRAW = (
    update(calls)
    .where(calls.c.id == bindparam("call"), calls.c.answered_at.is_(None), calls.c.taken_by.is_not(None))
    .values(withdrawn_at=bindparam("now"))
)
_REMOVE_UNTAKEN = delete(calls).where(calls.c.id == bindparam("call"), calls.c.taken_by.is_(None))
_PRUNE = delete(calls).where(
    calls.c.id.in_(
        select(calls.c.id)
        .where(calls.c.expires_at < bindparam("before"))
        .order_by(calls.c.expires_at)
        .limit(bindparam("most"))
    )
)


@dataclass(frozen=True, kw_only=True)
class AgentCall:
    """A call as its agent gets it. ``request`` is a JSON text."""

    id: AgentCallId
    method: str
    request: str


@dataclass(frozen=True, kw_only=True)
class OpenCalls:
    """What is open for one run of an agent."""

    new: Sequence[AgentCallId]
    withdrawn: Sequence[AgentCallId]
    """Calls of this run whose callers wait no longer."""


class CallStage(StrEnum):
    """How far a call is."""

    POSTED = "posted"
    """Its agent has not seen it."""
    TAKEN = "taken"
    """Its agent is at it."""
    ANSWERED = "answered"
    LOST = "lost"
    """It was taken, and will never be answered: its agent ended, or the row is gone."""


@dataclass(frozen=True, kw_only=True)
class CallState:
    """A call, and its agent's connection, from one snapshot."""

    stage: CallStage
    response: str | None = None
    agent_gone: bool = False
    """The agent said good-bye, or its build was followed by another."""
    last_contact: datetime | None = None


def posted_topic(agent_id: AgentId) -> str:
    """The topic of wake-ups for an agent: a call was posted, or withdrawn."""
    return f"agent-calls:{agent_id}"


def answered_topic(call_id: AgentCallId) -> str:
    """The topic of wake-ups for a caller: its call was answered."""
    return f"agent-call:{call_id}"


def post(conn: Connection, agent_id: AgentId, method: str, request: str, lifetime: timedelta) -> AgentCallId:
    """Put a call into the agent's mailbox."""
    call_id = ids.AgentCallId(ids.new_id())
    conn.run(
        _INSERT,
        id=call_id,
        agent_id=agent_id,
        method=method,
        request=request,
        created_at=conn.now,
        expires_at=conn.now + lifetime,
    )
    conn.notify(posted_topic(agent_id))
    return call_id


def open_calls(conn: Connection, agent_id: AgentId, run: UUID, known: Collection[AgentCallId]) -> OpenCalls:
    """What ``run`` of the agent should hear of, but for the calls that it has heard of: ``known``."""
    rows = conn.rows(_OPEN, agent=agent_id, run=run, now=conn.now)
    return OpenCalls(
        new=[ids.AgentCallId(row.id) for row in rows if row.withdrawn_at is None and row.id not in known],
        withdrawn=[ids.AgentCallId(row.id) for row in rows if row.withdrawn_at is not None],
    )


def take(conn: Connection, agent_id: AgentId, run: UUID, chosen: Sequence[AgentCallId]) -> list[AgentCall]:
    """Give the calls to ``run`` of the agent and to no other; those it may not have are left out.

    The same run may take a call again, since the answer that carried it may have been lost.
    """
    taken: list[AgentCall] = []
    for call_id in chosen:
        found = conn.record(AgentCall, _TAKE, call=call_id, agent=agent_id, run=run, now=conn.now)
        if found is not None:
            taken.append(found)
    return taken


def answer(conn: Connection, agent_id: AgentId, call_id: AgentCallId, response: str) -> bool:
    """Whether somebody still waits for this answer. A withdrawn call is forgotten."""
    if conn.run(_ANSWER, call=call_id, agent=agent_id, response=response, now=conn.now):
        conn.notify(answered_topic(call_id))
        return True
    conn.run(_FORGET_WITHDRAWN, call=call_id, agent=agent_id)
    return False


def abandon(conn: Connection, agent_id: AgentId) -> None:
    """A new run of the agent begins: what earlier ones have taken is lost."""
    for row in conn.rows(_TAKEN_OF_AGENT, agent=agent_id):
        conn.run(_LOSE, call=row.id, now=conn.now)
        conn.notify(answered_topic(row.id))


def state(conn: Connection, call_id: AgentCallId) -> CallState:
    """How far the call is."""
    row = conn.first(_STATE, call=call_id)
    if row is None:
        return CallState(stage=CallStage.LOST)
    if row.answered_at is not None:
        stage = CallStage.LOST if row.response is None else CallStage.ANSWERED
    else:
        stage = CallStage.POSTED if row.taken_by is None else CallStage.TAKEN
    gone = row.deleted or has_said_goodbye(row.last_connected_at, row.disconnected_at)
    return CallState(
        stage=stage,
        response=row.response,
        agent_gone=gone,
        last_contact=row.last_connected_at,
    )


def collect(conn: Connection, call_id: AgentCallId) -> None:
    """Remove a call whose answer its caller has."""
    conn.run(_REMOVE, call=call_id)


def withdraw(conn: Connection, agent_id: AgentId, call_id: AgentCallId) -> CallState:
    """Give up the call, and how far it was: if ``posted``, it is now never run.

    The agent stops what it has taken, as soon as it hears of it.
    """
    found = state(conn, call_id)
    if found.stage is CallStage.TAKEN and conn.run(_WITHDRAW, call=call_id, now=conn.now):
        conn.notify(posted_topic(agent_id))
        return found
    if found.stage is CallStage.POSTED and conn.run(_REMOVE_UNTAKEN, call=call_id):
        return found
    if found.stage in (CallStage.ANSWERED, CallStage.LOST):
        collect(conn, call_id)
        return found
    # It went on between the two statements, which only PostgreSQL lets happen.
    return withdraw(conn, agent_id, call_id)


def prune(conn: Connection, *, older_than: timedelta, limit: int = 500) -> int:
    """Remove up to ``limit`` calls that expired so long ago; how many there were.

    Their callers died: all others remove their calls themselves.
    """
    return conn.run(_PRUNE, before=conn.now - older_than, most=limit)
