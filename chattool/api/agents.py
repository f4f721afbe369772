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
    app.include_router(agents_router(service), prefix="/api/v2")
    app.add_middleware(BodyLimit, limit_bytes=BODY_LIMIT_BYTES)
    errors.install(app)
    return app


def agents_router(service: AgentService) -> APIRouter:
    """The agents' paths, below the base path of the API."""
    router = APIRouter(prefix="/workspaceagents/me")

    @router.get("/manifest")
    async def manifest(caller: Caller) -> Manifest:
        found = await service.manifest(caller)
        return Manifest(
            agent_id=str(found.agent_id),
            agent_name=found.agent_name,
            workspace_id=str(found.workspace_id),
            workspace_name=found.workspace_name,
            startup_script=found.startup_script,
        )

    @router.post("/heartbeat", status_code=204)
    async def heartbeat(caller: Caller) -> None:
        await service.heartbeat(caller)

    @router.post("/report-lifecycle", status_code=204)
    async def report_lifecycle(caller: Caller, report: LifecycleReport) -> None:
        await service.report_lifecycle(caller, report.state)

    @router.post("/logs", status_code=204)
    @router.patch("/logs", status_code=204)
    async def append_logs(caller: Caller, batch: LogBatch) -> None:
        lines = [AgentLogLine(level=line.level, output=_storable(line.output)) for line in batch.logs]
        await service.append_logs(caller, lines)

    return router


def _credentials(request: Request) -> AgentCredentials:
    token = token_of(request.headers)
    if not token:
        raise AgentUnknown("no token was given")
    return AgentCredentials(token=token, name=request.headers.get("chattool-agent-name", "main"))


Caller = Annotated[AgentCredentials, Depends(_credentials)]


def _storable(text: str) -> str:
    return text.replace("\0", "\ufffd").encode(errors="replace").decode()
