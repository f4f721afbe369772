"""Calls into a workspace, for its owner: ``POST /workspaceagents/{agent}/calls``."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from chattool.api import errors
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.services import ServicesOf
from chattool.api.waiting import until
from chattool.api.workspace_agents import visible
from chattool.backend import Actor
from chattool.identity import Caller
from chattool.workspace_calls import (
    LONGEST_CALL,
    AgentAway,
    AgentCallError,
    AgentCallFailed,
    AgentCallLost,
)
from db import workspaces
from db.errors import RequestError
from db.ids import AgentId
from db.transactions import Connection

_LONGEST_CALL_MS = round(LONGEST_CALL.total_seconds() * 1000)
_CLIENT_CLOSED_REQUEST = 499


class WorkspaceCall(BaseModel):
    """What the agent is to do, and how long its answer is awaited."""

    method: Annotated[str, Field(max_length=64)]
    request: dict[str, object] = {}
    timeout_ms: Annotated[int, Field(ge=0, le=_LONGEST_CALL_MS)] = 30_000


router = APIRouter(tags=["Agents"], route_class=SignedInFirst)


async def caller_as_actor(caller: CallerOf, services: ServicesOf, agent: UUID) -> Actor:
    """The caller with the rights in the organization of the agent's workspace.

    Raises:
        NotFound: there is no such agent, or the caller may not see it.
    """
    return await services.store.read(_actor, caller, AgentId(agent))


@router.post("/workspaceagents/{agent}/calls", responses=errors.responses(409, 413, 422, 504))
async def call_agent(
    actor: Annotated[Actor, Depends(caller_as_actor)],
    services: ServicesOf,
    agent: UUID,
    call: WorkspaceCall,
    request: Request,
) -> Response:
    """Let the agent do something in its workspace. A client that leaves withdraws its call.

    Failures answer ``message`` and ``code``: 409 when the agent is away and nothing was done, 504 when the
    outcome is unknown, 422 when the agent cannot do it (with its ``reason``).
    """
    work = services.backend.agent_call(
        actor, AgentId(agent), call.method, call.request, timeout=timedelta(milliseconds=call.timeout_ms)
    )
    try:
        answer = await until(request, services.stopping, work)
    except (AgentCallError, RequestError) as error:
        return _failure(error)
    if answer is None:
        return Response(status_code=_CLIENT_CLOSED_REQUEST)
    # By hand, because what a workspace answers may hold what UTF-8 cannot.
    return Response(json.dumps({"result": answer}), media_type="application/json")


def _actor(conn: Connection, caller: Caller, agent_id: AgentId) -> Actor:
    workspace_id = visible(conn, caller, agent_id).workspace_id
    roles = caller.roles_in(workspaces.workspace(conn, workspace_id).organization_id)
    return Actor(user_id=caller.user.id, roles=tuple(sorted(roles)))


def _failure(error: AgentCallError | RequestError) -> Response:
    body = {"message": str(error), "code": error.code}
    match error:
        case AgentAway():
            status = 409
        case AgentCallLost():
            status = 504
        case AgentCallFailed(reason=reason):
            status, body["reason"] = 422, reason
        case RequestError(status_code=code):
            status = code
        case _:
            status = 500
    return JSONResponse(body, status_code=status)
