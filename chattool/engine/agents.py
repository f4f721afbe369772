"""What workspace agents report, written to our own database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.agent_service import AgentManifest, AgentUnknown
from db import agents, workspaces

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.agent_service import AgentCredentials, AgentLogLine
    from db.records import Agent
    from db.states import AgentLifecycle
    from db.transactions import Connection, Store


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


def _known(conn: Connection, caller: AgentCredentials) -> Agent:
    agent = agents.by_token(conn, caller.token, caller.name)
    if agent is None:
        raise AgentUnknown
    agents.record_contact(conn, agent.id)
    return agent


def _manifest(conn: Connection, caller: AgentCredentials) -> AgentManifest:
    agent = _known(conn, caller)
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
