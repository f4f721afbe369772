"""The tool ``workspace_status``."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from chattool import build_state
from chattool.inspection import Inspection, answer
from chattool.inspection_results import WorkspaceStatusResult
from chattool.readiness import recorded_report
from chattool.situation import existing, read_situation
from db.states import BuildStatus, JobErrorCode, Transition, build_status

if TYPE_CHECKING:
    from chattool.agent_report import AgentReport
    from chattool.backend import Build
    from chattool.context import ToolContext
    from chattool.inspection_arguments import WorkspaceStatusArgs
    from chattool.results import ToolResponse

TITLE = "Workspace status"
DESCRIPTION = (
    "Look at this chat's workspace as it is now, without waiting: whether it runs, its newest build with its "
    "place in the queue and its error, its agent, and what to do next. Use it when you do not know where the "
    "workspace stands. To wait for a build use wait_for_workspace. Changes nothing."
)


async def workspace_status(context: ToolContext, _arguments: WorkspaceStatusArgs) -> ToolResponse:
    """Where the chat's workspace stands."""
    return await answer(_status(Inspection(context, "workspace_status")))


async def _status(call: Inspection) -> WorkspaceStatusResult:
    await call.owner()
    found = existing(await read_situation(call))
    workspace, build, job = found.workspace, found.build, found.build.job
    status = build_status(build_state.job_status(job), build.transition)
    report = await recorded_report(call, build.id)
    return WorkspaceStatusResult(
        workspace_id=workspace.id,
        workspace_name=workspace.full_name,
        status=status,
        transition=build.transition,
        job_status=job.status,
        build_id=build.id,
        agent_status=report.agent_status,
        agent_error=report.agent_error,
        startup_scripts=report.startup_scripts,
        lifecycle_state=report.lifecycle_state,
        agent_id=report.agent_id,
        queue_position=job.queue_position or None,
        queue_size=job.queue_size or None,
        matched_provisioners=job.matched_provisioners,
        build_error=job.error or None,
        build_error_code=job.error_code or None,
        stage=job.stage or None,
        next_step=_next_step(status, build, report),
    )


_WAIT = "Call wait_for_workspace to wait for the build."
_USABLE = "The workspace can be used."
_STOPPED = "Call start_workspace to start it."
_REFUSED = (
    "The quota refused the build. Call get_workspace_quota, and ask the user what to give up; then call "
    "{retry} again."
)
_FAILED = "Call get_workspace_build_logs to find out why the build failed, then {retry} to try again."


def _next_step(status: BuildStatus, build: Build, report: AgentReport) -> str:
    match status:
        case BuildStatus.RUNNING:
            return report.advice or _USABLE
        case BuildStatus.STOPPED:
            return _STOPPED
        case BuildStatus.FAILED | BuildStatus.CANCELED:
            refused = build.job.error_code == JobErrorCode.INSUFFICIENT_QUOTA
            retry = "stop_workspace" if build.transition is Transition.STOP else "start_workspace"
            return (_REFUSED if refused else _FAILED).format(retry=retry)
        case (
            BuildStatus.PENDING
            | BuildStatus.STARTING
            | BuildStatus.STOPPING
            | BuildStatus.DELETING
            | BuildStatus.DELETED
            | BuildStatus.CANCELING
        ):
            return _WAIT
        case _:
            assert_never(status)
