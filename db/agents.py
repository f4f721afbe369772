"""Workspace agents: what a build made of them, and what they report themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, select, update

from db import log_bounds
from db.bearer_secrets import digest
from db.records import Agent, AgentLog
from db.row_lists import insert_rows
from db.states import AgentLifecycle, LogLevel, Transition
from db.tables import provisioner_jobs, workspace_agent_logs, workspace_agents, workspace_builds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import AgentId, BuildId
    from db.transactions import Connection

_OVERFLOWED = "The log of this agent is full; later lines are dropped. The agent itself goes on."

#: Agents of builds that no other has followed, for further conditions; ``agent_record`` reads a row.
AGENTS = select(*(workspace_agents.c[name] for name in Agent.__dataclass_fields__)).where(
    ~workspace_agents.c.deleted
)
_OF_BUILD = AGENTS.where(workspace_agents.c.build_id == bindparam("build"))
_BY_ID = AGENTS.where(workspace_agents.c.id == bindparam("agent"))
_BY_TOKEN = AGENTS.where(
    workspace_agents.c.auth_token_hash == bindparam("digest"), workspace_agents.c.name == bindparam("name")
)
_newer = workspace_builds.alias("newer_build")
_EXPECTED = (
    AGENTS.join(workspace_builds, workspace_builds.c.id == workspace_agents.c.build_id)
    .join(provisioner_jobs, provisioner_jobs.c.id == workspace_builds.c.job_id)
    .where(
        workspace_builds.c.transition == Transition.START.value,
        provisioner_jobs.c.completed_at.is_not(None),
        provisioner_jobs.c.canceled_at.is_(None),
        provisioner_jobs.c.error.is_(None),
        ~select(_newer.c.id)
        .where(
            _newer.c.workspace_id == workspace_builds.c.workspace_id,
            _newer.c.build_number > workspace_builds.c.build_number,
        )
        .exists(),
    )
)
_CONNECTED = (
    update(workspace_agents)
    .where(workspace_agents.c.id == bindparam("agent"))
    .values(
        first_connected_at=case(
            (
                workspace_agents.c.first_connected_at.is_(None),
                bindparam("now", type_=workspace_agents.c.first_connected_at.type),
            ),
            else_=workspace_agents.c.first_connected_at,
        ),
        last_connected_at=bindparam("now", type_=workspace_agents.c.first_connected_at.type),
        disconnected_at=None,
        updated_at=bindparam("now", type_=workspace_agents.c.first_connected_at.type),
    )
)
_LIFECYCLE = (
    update(workspace_agents)
    .where(workspace_agents.c.id == bindparam("agent"))
    .values(lifecycle_state=bindparam("lifecycle"), updated_at=bindparam("now"))
)
_DISCONNECTED = (
    update(workspace_agents)
    .where(workspace_agents.c.id == bindparam("agent"))
    .values(disconnected_at=bindparam("now"), updated_at=bindparam("now"))
)
_INSERT_LOGS = insert_rows(workspace_agent_logs, "agent_id", "created_at", "level", "output")
# The update takes the agent's row lock, so batches of its lines are stored one after another.
_GROW_LOGS = (
    update(workspace_agents)
    .where(workspace_agents.c.id == bindparam("agent"))
    .values(logs_bytes=workspace_agents.c.logs_bytes + bindparam("added"))
    .returning(workspace_agents.c.logs_bytes)
)
_log_lines = (
    select(
        workspace_agent_logs.c.id,
        workspace_agent_logs.c.created_at,
        workspace_agent_logs.c.level,
        workspace_agent_logs.c.output,
    )
    .where(
        workspace_agent_logs.c.agent_id == bindparam("agent"), workspace_agent_logs.c.id > bindparam("after")
    )
    .order_by(workspace_agent_logs.c.id)
    .limit(bindparam("most"))
    .subquery()
)
_length = func.length(_log_lines.c.output)
_measured = select(
    *_log_lines.c, (func.sum(_length).over(order_by=_log_lines.c.id) - _length).label("before")
).subquery()
_LOGS = (
    select(*(_measured.c[column.name] for column in _log_lines.c))
    .where(_measured.c.before <= log_bounds.LOG_LIMIT_BYTES)
    .order_by(_measured.c.id)
)


def topic(agent_id: AgentId) -> str:
    """The topic of wake-ups about an agent's reports."""
    return f"agent:{agent_id}"


def of_build(conn: Connection, build_id: BuildId) -> list[Agent]:
    """The agents that a build made."""
    return conn.records(agent_record, _OF_BUILD, build=build_id)


def agent(conn: Connection, agent_id: AgentId) -> Agent | None:
    """The agent; ``None`` when there is none or its build has been followed by another."""
    return conn.record(agent_record, _BY_ID, agent=agent_id)


def expected(conn: Connection) -> list[Agent]:
    """The agents of all running workspaces: those whose latest build is a start that succeeded."""
    return conn.records(agent_record, _EXPECTED)


def by_token(conn: Connection, token: str, name: str) -> Agent | None:
    """The agent of that name among those who share the token, which is one per build."""
    return conn.record(agent_record, _BY_TOKEN, digest=digest(token), name=name)


def record_contact(conn: Connection, agent_id: AgentId) -> None:
    """Note that the agent was in contact just now."""
    conn.run(_CONNECTED, agent=agent_id, now=conn.now)
    conn.notify(topic(agent_id))


def record_lifecycle(conn: Connection, agent_id: AgentId, state: AgentLifecycle) -> None:
    """Note what the agent reported about its scripts; ``off`` also ends its connection."""
    conn.run(_LIFECYCLE, agent=agent_id, lifecycle=state.value, now=conn.now)
    if state is AgentLifecycle.OFF:
        conn.run(_DISCONNECTED, agent=agent_id, now=conn.now)
    conn.notify(topic(agent_id))


def append_logs(conn: Connection, agent_id: AgentId, lines: Sequence[tuple[LogLevel, str]]) -> None:
    """Keep lines of the agent's start-up script, as long as its log has room for them."""
    outputs = [output for _, output in lines]
    added = sum(map(log_bounds.size, outputs))
    stored_bytes = conn.scalar(_GROW_LOGS, agent=agent_id, added=added) - added
    count, overflows = log_bounds.fitting(outputs, stored_bytes=stored_bytes)
    kept = [*lines[:count], *([(LogLevel.WARN, _OVERFLOWED)] if overflows else [])]
    conn.run(
        _INSERT_LOGS,
        workspace_agent_logs=[
            {"agent_id": agent_id, "created_at": conn.now, "level": level, "output": output}
            for level, output in kept
        ],
    )
    conn.notify(topic(agent_id))


def logs(conn: Connection, agent_id: AgentId, *, after: int = 0, limit: int = 400) -> list[AgentLog]:
    """Lines of the agent's start-up script with an id above ``after``, oldest first.

    Fewer than ``limit`` when they are longer than ``LOG_LIMIT_BYTES``, as an older log without bounds may be.
    """
    return conn.records(_log_record, _LOGS, agent=agent_id, after=after, most=limit)


def agent_record(**values: object) -> Agent:
    """The agent in a row of ``AGENTS``."""
    state = AgentLifecycle(str(values.pop("lifecycle_state")))
    return Agent(**values, lifecycle_state=state)  # type: ignore[arg-type]  # columns carry the fields' types


def _log_record(**values: object) -> AgentLog:
    level = LogLevel(str(values.pop("level")))
    return AgentLog(**values, level=level)  # type: ignore[arg-type]  # columns carry the fields' types
