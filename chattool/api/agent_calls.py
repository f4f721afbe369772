"""Calls into a workspace, for its owner: ``POST /workspaceagents/{agent}/calls``."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated
from uuid import UUID  # noqa: TC003 - FastAPI reads the annotations

from fastapi import APIRouter, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field

from chattool.api.disconnect import until
from chattool.workspace_calls import (
    LONGEST_CALL,
    AgentAway,
    AgentCallError,
    AgentCallFailed,
    AgentCallLost,
)
from db.errors import RequestError
from db.ids import AgentId

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.backend import Actor
    from chattool.workspace_calls import AgentCalls

_LONGEST_CALL_MS = round(LONGEST_CALL.total_seconds() * 1000)
_CLIENT_CLOSED_REQUEST = 499


class WorkspaceCall(BaseModel):
    """What the agent is to do, and how long its answer is awaited."""

    method: Annotated[str, Field(max_length=64)]
    request: dict[str, object] = {}
    timeout_ms: Annotated[int, Field(ge=0, le=_LONGEST_CALL_MS)] = 30_000


def agent_calls_router(
    calls: AgentCalls,
    actor: Callable[[Request], Awaitable[Actor]],
    *,
    closing: asyncio.Event | None = None,
) -> APIRouter:
    """The path, below the base path of the API. ``actor`` tells who calls, or raises.

    A client that leaves withdraws its call, and so does ``closing``. Failures answer ``message`` and
    ``code``: 409 when the agent is away and nothing was done, 504 when the outcome is unknown, 422 when the
    agent cannot do it (with its ``reason``), and the status of a ``RequestError``.
    """
    router = APIRouter(prefix="/workspaceagents")
    ending = closing or asyncio.Event()

    @router.post("/{agent_id}/calls")
    async def call_agent(agent_id: UUID, call: WorkspaceCall, request: Request) -> Response:
        try:
            work = calls.agent_call(
                await actor(request),
                AgentId(agent_id),
                call.method,
                call.request,
                timeout=timedelta(milliseconds=call.timeout_ms),
            )
            answer = await until(request, ending, work)
        except (AgentCallError, RequestError) as error:
            return _failure(error)
        if answer is None:
            return Response(status_code=_CLIENT_CLOSED_REQUEST)
        # By hand, because what a workspace answers may hold what UTF-8 cannot.
        return Response(json.dumps({"result": answer}), media_type="application/json")

    return router


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
