"""Workspaces outlive engines. A new engine hears from their agents before anybody judges by the record."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.agent.process import HEARTBEAT_INTERVAL
from db import agents
from db.states import has_said_goodbye

if TYPE_CHECKING:
    from datetime import datetime

    from db.ids import AgentId
    from db.records import Agent
    from db.transactions import Store

LIMIT = timedelta(seconds=5)


async def silent_agents_heard(store: Store, limit: timedelta = LIMIT) -> None:
    """Return when each living agent that missed a heartbeat has reported, or after ``limit``.

    An agent that nobody answered asks again every second. One that was answered lately is not waited for: it
    counts as connected until it has missed two more heartbeats.
    """
    clock = store.clock
    opened = clock.now()
    deadline = clock.monotonic() + limit
    for agent in await store.read(agents.expected):
        if not _is_silent(agent, opened):
            continue
        with store.wakeups.subscribe(agents.topic(agent.id)) as changes:
            while (left := deadline - clock.monotonic()) > timedelta():
                if await _has_reported(store, agent.id, opened):
                    break
                await changes.wait(left)


def _is_silent(agent: Agent, now: datetime) -> bool:
    heard = agent.last_connected_at or agent.created_at
    gone = has_said_goodbye(agent.last_connected_at, agent.disconnected_at)
    return not gone and now - heard > HEARTBEAT_INTERVAL


async def _has_reported(store: Store, agent_id: AgentId, since: datetime) -> bool:
    agent = await store.read(agents.agent, agent_id)
    return agent is None or (agent.last_connected_at is not None and agent.last_connected_at >= since)
