"""The tools ``get_workspace_build_logs`` and ``get_workspace_agent_logs``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool import arguments as tool_arguments
from chattool.errors import JobUnreadable, ToolError
from chattool.inspection import Inspection, answer
from chattool.inspection_results import AgentLogItem, AgentLogsResult, BuildLogItem, BuildLogsResult
from chattool.log_pages import FETCHED_LINES, log_page
from db.ids import AgentId, BuildId

if TYPE_CHECKING:
    from chattool.backend import Actor
    from chattool.context import ToolContext
    from chattool.inspection_arguments import AgentLogsArgs, BuildLogsArgs
    from chattool.inspection_backend import BuildLog
    from chattool.results import ToolResponse

BUILD_TITLE = "Build logs"
BUILD_DESCRIPTION = (
    "Read the log of a workspace build, to find out why it failed or how far it is. The build_id comes from "
    "an earlier answer. Up to 400 lines, from the oldest; with has_more, call again with next_after_id as "
    "after_id. Changes nothing."
)
AGENT_TITLE = "Agent logs"
AGENT_DESCRIPTION = (
    "Read what a workspace agent's start-up script wrote, when the agent is not ready or its scripts failed. "
    "Up to 400 lines, from the oldest; with has_more, call again with next_after_id as after_id. "
    "Changes nothing."
)


async def get_workspace_build_logs(context: ToolContext, arguments: BuildLogsArgs) -> ToolResponse:
    """A part of a build's log."""
    return await answer(_build_logs(Inspection(context, "get_workspace_build_logs"), arguments))


async def get_workspace_agent_logs(context: ToolContext, arguments: AgentLogsArgs) -> ToolResponse:
    """A part of what an agent's start-up script wrote."""
    return await answer(_agent_logs(Inspection(context, "get_workspace_agent_logs"), arguments))


async def _build_logs(call: Inspection, arguments: BuildLogsArgs) -> BuildLogsResult:
    build_id = BuildId(tool_arguments.required_uuid("build_id", arguments.build_id))
    actor = await call.owner()
    found = await _build_log(call, actor, build_id, after=max(arguments.after_id, 0))
    page = log_page(found.lines)
    build = found.build
    return BuildLogsResult(
        build_id=build.id,
        build_number=build.build_number,
        transition=build.transition,
        job_status=build.job.status,
        logs=tuple(
            BuildLogItem(id=line.id, stage=line.stage, level=line.level, output=line.output)
            for line in page.lines
        ),
        has_more=page.has_more,
        next_after_id=page.next_after_id,
        job_error=build.job.error or None,
        job_error_code=build.job.error_code or None,
    )


async def _build_log(call: Inspection, actor: Actor, build_id: BuildId, *, after: int) -> BuildLog:
    try:
        return await call.found(
            "read build logs",
            lambda: call.backend.build_log(actor, build_id, after=after, limit=FETCHED_LINES),
            missing="workspace build not found",
        )
    except ToolError as error:
        cause = error.__cause__
        if isinstance(cause, JobUnreadable) and not cause.retryable:
            raise ToolError("workspace build job not found") from cause
        raise


async def _agent_logs(call: Inspection, arguments: AgentLogsArgs) -> AgentLogsResult:
    agent_id = AgentId(tool_arguments.required_uuid("agent_id", arguments.agent_id))
    actor = await call.owner()
    found = await call.found(
        "read agent logs",
        lambda: call.backend.agent_log(
            actor, agent_id, after=max(arguments.after_id, 0), limit=FETCHED_LINES
        ),
        missing="workspace agent not found",
    )
    page = log_page(found.lines)
    return AgentLogsResult(
        agent_id=found.agent_id,
        name=found.agent_name,
        lifecycle_state=found.lifecycle_state,
        logs=tuple(AgentLogItem(id=line.id, level=line.level, output=line.output) for line in page.lines),
        has_more=page.has_more,
        next_after_id=page.next_after_id,
        troubleshooting_url=found.troubleshooting_url or None,
    )
