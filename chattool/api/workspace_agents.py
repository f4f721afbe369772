"""Workspace agents, as their workspace's users see them."""

from __future__ import annotations

from uuid import UUID

from fastapi import APIRouter

from chattool.api import sight
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.models.builds import WorkspaceAgent
from chattool.api.services import Services, ServicesOf
from chattool.api.views.builds import shown_agent
from chattool.identity import Caller
from db import agents, ids, workspace_details
from db.errors import NotFound
from db.ids import AgentId
from db.records import Agent
from db.transactions import Connection

router = APIRouter(tags=["Agents"], route_class=SignedInFirst)


@router.get("/workspaceagents/{agent}")
async def get_agent(caller: CallerOf, services: ServicesOf, agent: UUID) -> WorkspaceAgent:
    """An agent and what it last reported; 404 once another build has replaced it."""
    return await services.store.read(_shown, caller, services, ids.AgentId(agent))


def visible(conn: Connection, caller: Caller, agent_id: AgentId) -> Agent:
    """The agent, if the caller may see its workspace.

    Raises:
        NotFound: there is none, or the caller may not.
    """
    agent = agents.agent(conn, agent_id)
    if agent is None:
        raise NotFound
    sight.check_workspace(caller, workspace_details.workspace(conn, agent.workspace_id))
    return agent


def _shown(conn: Connection, caller: Caller, services: Services, agent_id: AgentId) -> WorkspaceAgent:
    return shown_agent(conn.now, visible(conn, caller, agent_id), services)
