"""Where workspace agents report: ``/api/v2/workspaceagents/me``."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Depends, FastAPI, Request
from pydantic import BaseModel, Field

from chattool.agent_service import AgentCredentials, AgentLogLine, AgentService, AgentUnknown
from chattool.api import errors
from chattool.api.body_limit import BodyLimit
from chattool.api.caller import token_of
from db.states import AgentLifecycle, LogLevel

BODY_LIMIT_BYTES = 1 << 20
LOG_LINES_LIMIT = 1000

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


def agents_app(service: AgentService) -> FastAPI:
    """An application that serves agents and nobody else."""
    app = FastAPI(title="chattool agents", openapi_url=None)
    app.state.agents = service
    app.include_router(router, prefix="/api/v2")
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES)
    errors.install(app)
    return app


def _service(request: Request) -> AgentService:
    found: AgentService = request.app.state.agents
    return found


def _credentials(request: Request) -> AgentCredentials:
    token = token_of(request.headers)
    if not token:
        raise AgentUnknown("no token was given")
    return AgentCredentials(token=token, name=request.headers.get("chattool-agent-name", "main"))


Caller = Annotated[AgentCredentials, Depends(_credentials)]
Service = Annotated[AgentService, Depends(_service)]


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
    lines = [AgentLogLine(level=line.level, output=_storable(line.output)) for line in batch.logs]
    await service.append_logs(caller, lines)


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
