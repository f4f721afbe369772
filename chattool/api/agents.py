"""Where workspace agents report: ``/api/v2/workspaceagents/me``."""

from __future__ import annotations

import asyncio
import json
from datetime import datetime, timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Request, Response
from pydantic import BaseModel, Field

from chattool.agent_service import AgentCredentials, AgentLogLine, AgentService, AgentUnknown, NextCalls
from chattool.api import errors
from chattool.api.body_limit import BodyLimit
from chattool.api.caller import token_of
from chattool.api.waiting import until
from db.ids import AgentCallId
from db.log_bounds import bounded
from db.states import AgentLifecycle, LogLevel

BODY_LIMIT_BYTES = 1 << 20
LOG_LINES_LIMIT = 1000
CALLS_LIMIT = 3
"""Calls in one answer: each may be as long as a body."""
KNOWN_CALLS_LIMIT = 1000
LONGEST_WAIT = timedelta(seconds=60)

router = APIRouter(prefix="/workspaceagents/me", tags=["Agents"])


class Manifest(BaseModel):
    """What an agent has to know about itself."""

    agent_id: str
    agent_name: str
    workspace_id: str
    workspace_name: str
    startup_script: str


class LifecycleReport(BaseModel):
    """How far an agent's scripts are."""

    state: AgentLifecycle
    changed_at: datetime | None = None


class LogLine(BaseModel):
    """One line of a start-up script."""

    level: LogLevel = LogLevel.INFO
    output: str
    created_at: datetime | None = None


class LogBatch(BaseModel):
    """Lines of a start-up script."""

    logs: Annotated[list[LogLine], Field(max_length=LOG_LINES_LIMIT)]


class CallsWanted(BaseModel):
    """An agent asks for calls. ``run`` tells one run of the agent from the next."""

    run: UUID
    known: Annotated[list[UUID], Field(max_length=KNOWN_CALLS_LIMIT)] = []
    limit: Annotated[int, Field(ge=0)] = CALLS_LIMIT
    wait_ms: Annotated[int, Field(ge=0)] = 0


class CallProblem(BaseModel):
    """Why an agent could not do what a call asks for."""

    reason: str
    message: str


class CallAnswer(BaseModel):
    """What an agent answers to a call: one of both."""

    result: dict[str, object] | None = None
    error: CallProblem | None = None


def agents_app(service: AgentService, *, closing: asyncio.Event | None = None) -> FastAPI:
    """An application that serves agents and nobody else. ``closing`` ends the waiting for calls."""
    app = FastAPI(title="chattool agents", openapi_url=None)
    app.state.agents = service
    app.state.closing = closing or asyncio.Event()
    app.include_router(router, prefix="/api/v2")
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES)
    errors.install(app)
    return app


def _service(request: Request) -> AgentService:
    found: AgentService = request.app.state.agents
    return found


def _closing(request: Request) -> asyncio.Event:
    found: asyncio.Event = request.app.state.closing
    return found


def _credentials(request: Request) -> AgentCredentials:
    token = token_of(request.headers)
    if not token:
        raise AgentUnknown("no token was given")
    return AgentCredentials(token=token, name=request.headers.get("chattool-agent-name", "main"))


Caller = Annotated[AgentCredentials, Depends(_credentials)]
Service = Annotated[AgentService, Depends(_service)]
Closing = Annotated[asyncio.Event, Depends(_closing)]


@router.get("/manifest")
async def manifest(caller: Caller, service: Service) -> Manifest:
    """What the agent is to do."""
    found = await service.manifest(caller)
    return Manifest(
        agent_id=str(found.agent_id),
        agent_name=found.agent_name,
        workspace_id=str(found.workspace_id),
        workspace_name=found.workspace_name,
        startup_script=found.startup_script,
    )


@router.post("/heartbeat", status_code=204)
async def heartbeat(caller: Caller, service: Service) -> None:
    """The agent is alive."""
    await service.heartbeat(caller)


@router.post("/report-lifecycle", status_code=204)
async def report_lifecycle(caller: Caller, service: Service, report: LifecycleReport) -> None:
    """How far the agent's scripts are."""
    await service.report_lifecycle(caller, report.state)


@router.patch("/logs", status_code=204, name="append_logs_by_patch")
@router.post("/logs", status_code=204)
async def append_logs(caller: Caller, service: Service, batch: LogBatch) -> None:
    """What the scripts wrote."""
    lines = [AgentLogLine(level=line.level, output=bounded(line.output)) for line in batch.logs]
    await service.append_logs(caller, lines)


@router.post("/calls")
async def next_calls(
    caller: Caller, service: Service, closing: Closing, wanted: CallsWanted, request: Request
) -> Response:
    """Calls for the agent, as soon as there are some."""
    waiting = service.next_calls(
        caller,
        wanted.run,
        known={AgentCallId(each) for each in wanted.known},
        limit=min(wanted.limit, CALLS_LIMIT),
        wait=min(timedelta(milliseconds=min(wanted.wait_ms, 1 << 31)), LONGEST_WAIT),
    )
    found = await until(request, closing, waiting) or NextCalls()
    document = {
        "calls": [
            {"id": str(call.id), "method": call.method, "request": json.loads(call.request)}
            for call in found.calls
        ],
        "withdrawn": [str(call_id) for call_id in found.withdrawn],
    }
    # By hand, because texts of calls may hold what UTF-8 cannot.
    return Response(json.dumps(document), media_type="application/json")


@router.post("/calls/{call_id}/answer", status_code=204)
async def answer_call(caller: Caller, service: Service, call_id: UUID, answer: CallAnswer) -> None:
    """What came of a call."""
    response = json.dumps(answer.model_dump(exclude_none=True))
    await service.answer_call(caller, AgentCallId(call_id), response)
