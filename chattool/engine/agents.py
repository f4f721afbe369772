"""What workspace agents report, written to our own database."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.agent_service import AgentManifest, AgentUnknown, NextCalls
from db import agent_calls, agents, workspaces

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from uuid import UUID

    from chattool.agent_service import AgentCredentials, AgentLogLine
    from db.ids import AgentCallId
    from db.records import Agent
    from db.states import AgentLifecycle
    from db.transactions import Connection, Store

#: Only a backup: agents that wait for calls are woken.
_CALL_POLL_INTERVAL = timedelta(seconds=5)


class StoreAgents:
    """``AgentService`` on an open store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def manifest(self, caller: AgentCredentials) -> AgentManifest:
        return await self.store.write(_manifest, caller)

    async def heartbeat(self, caller: AgentCredentials) -> None:
        await self.store.write(_known, caller)

    async def report_lifecycle(self, caller: AgentCredentials, state: AgentLifecycle) -> None:
        await self.store.write(_report_lifecycle, caller, state)

    async def append_logs(self, caller: AgentCredentials, lines: Sequence[AgentLogLine]) -> None:
        await self.store.write(_append_logs, caller, lines)

    async def next_calls(
        self,
        caller: AgentCredentials,
        run: UUID,
        *,
        known: Collection[AgentCallId],
        limit: int,
        wait: timedelta,
    ) -> NextCalls:
        clock = self.store.clock
        deadline = clock.monotonic() + wait
        agent = await self.store.write(_known, caller)
        with self.store.wakeups.subscribe(agent_calls.posted_topic(agent.id)) as changes:
            while True:
                found = await self.store.read(agent_calls.open_calls, agent.id, run, known)
                chosen = found.new[:limit]
                calls = await self.store.write(agent_calls.take, agent.id, run, chosen) if chosen else ()
                left = deadline - clock.monotonic()
                if calls or found.withdrawn or left <= timedelta():
                    return NextCalls(calls=calls, withdrawn=found.withdrawn)
                await changes.wait(min(left, _CALL_POLL_INTERVAL))

    async def answer_call(self, caller: AgentCredentials, call_id: AgentCallId, response: str) -> None:
        await self.store.write(_answer_call, caller, call_id, response)


def _known(conn: Connection, caller: AgentCredentials) -> Agent:
    agent = agents.by_token(conn, caller.token, caller.name)
    if agent is None:
        raise AgentUnknown
    agents.record_contact(conn, agent.id)
    return agent


def _manifest(conn: Connection, caller: AgentCredentials) -> AgentManifest:
    agent = _known(conn, caller)
    agent_calls.abandon(conn, agent.id)
    return AgentManifest(
        agent_id=agent.id,
        agent_name=agent.name,
        workspace_id=agent.workspace_id,
        workspace_name=workspaces.workspace(conn, agent.workspace_id).name,
        startup_script=agent.startup_script,
    )


def _report_lifecycle(conn: Connection, caller: AgentCredentials, state: AgentLifecycle) -> None:
    agents.record_lifecycle(conn, _known(conn, caller).id, state)


def _append_logs(conn: Connection, caller: AgentCredentials, lines: Sequence[AgentLogLine]) -> None:
    agents.append_logs(conn, _known(conn, caller).id, [(line.level, line.output) for line in lines])


def _answer_call(conn: Connection, caller: AgentCredentials, call_id: AgentCallId, response: str) -> None:
    agent_calls.answer(conn, _known(conn, caller).id, call_id, response)
