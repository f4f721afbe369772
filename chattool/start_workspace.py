"""The tool ``start_workspace``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, assert_never

from chattool import arguments as tool_arguments
from chattool.backend import CreateBuild
from chattool.build_failure import FailurePath
from chattool.build_request import requested_build
from chattool.build_state import BuildState
from chattool.call import Call
from chattool.choices import Answer, Join, Made, Make
from chattool.decision import respond
from chattool.quota_error import Verb
from chattool.readiness import agent_report
from chattool.replay import Replay
from chattool.results import AgentStatus, ResultStatus, StartWorkspaceResult, ToolResponse
from chattool.situation import existing
from db.states import Transition

if TYPE_CHECKING:
    from chattool.arguments import StartWorkspaceArgs
    from chattool.backend import Actor, Build, Workspace
    from chattool.choices import Building, Choice, Refused
    from chattool.context import ToolContext
    from chattool.results import Result
    from chattool.situation import Existing, Situation

TITLE = "Start workspace"
DESCRIPTION = (
    "Start this chat's stopped workspace and wait until it can be used; it takes 1 to 10 minutes and "
    "costs the owner's workspace quota. Safe to repeat: a workspace that runs is left as it is. The chat "
    "needs a workspace first, from create_workspace. Give parameters only when the user asked for other "
    'values or an earlier error demanded them. When waiting ends early the answer has status "building": '
    "the build goes on by itself, and its build_id stays valid."
)

_NOT_APPLIED = (
    "This call made no build and did not apply its parameters. "
    "Unless an earlier call did, call stop_workspace, then start_workspace with them."
)
_UPDATED = "The workspace was updated to the active template version."
_UPDATE_REASON = "template requires active versions"


async def start_workspace(context: ToolContext, arguments: StartWorkspaceArgs) -> ToolResponse:
    """Start the chat's workspace; a failure of the domain is an answer, never raised."""
    if not context.backend.can_start:
        return ToolResponse.text_error("workspace starter is not configured")
    call = Call(context, wait=tool_arguments.wait_bound(arguments.wait_seconds))
    replay = Replay(call, "start_workspace", arguments)
    return await respond(call, WorkspaceStart(call, replay, arguments), replay)


@dataclass(frozen=True)
class WorkspaceStart:
    """What a start adds to the common course of a decision."""

    call: Call
    replay: Replay
    arguments: StartWorkspaceArgs
    reports_joined_failures: ClassVar[bool] = True

    async def choose(self, situation: Situation, joined: Build | None) -> Choice:
        found = existing(situation)
        match found.state:
            case BuildState.IN_PROGRESS:
                return Join(workspace=found.workspace, build=found.build)
            case BuildState.RUNNING:
                return Answer(finish=lambda: self._already_running(found, joined))
            case BuildState.STOPPED | BuildState.BROKEN:
                actor = await self.call.owner()
                return Make(call=lambda: self._start(actor, found))
            case _:
                assert_never(found.state)

    async def _already_running(self, found: Existing, joined: Build | None) -> Result:
        report = await agent_report(self.call, found.build.id, connecting=True)
        return report.completed(
            StartWorkspaceResult(
                started=True,
                workspace_id=found.workspace.id,
                workspace_name=found.workspace.full_name,
                build_id=None if joined is None else joined.id,
                no_build=None if joined else True,
                message=_NOT_APPLIED if self.arguments.parameters else None,
                agent_status=report.agent_status,
            )
        )

    async def _start(self, actor: Actor, found: Existing) -> Made | Refused | None:
        return await requested_build(
            self.call.backend,
            actor,
            CreateBuild(
                workspace_id=found.workspace.id,
                transition=Transition.START,
                parameters=self.arguments.parameters,
                idempotency_key=self.replay.idempotency_key,
            ),
            workspace=found.workspace,
            draft=lambda build: _draft(found, build),
            prefix="start workspace: ",
            names_template=True,
        )

    def own_failure(self, workspace: Workspace) -> FailurePath:
        return FailurePath(
            prefix="workspace start build failed: ",
            retry="start_workspace",
            verb=Verb.START,
            quota_organization=workspace.organization_id,
        )

    def joined_failure(self, workspace: Workspace, build: Build) -> FailurePath:  # noqa: ARG002 - same for all
        return FailurePath(
            prefix="waiting for in-progress build: ",
            retry="start_workspace",
            verb=Verb.START,
            quota_organization=workspace.organization_id,
        )

    async def finished(self, made: Made) -> Result:
        build_id = made.build_id or made.workspace.latest_build_id
        report = await agent_report(self.call, build_id, connecting=True)
        return report.completed(made.draft)

    def building(self, building: Building) -> Result:
        return StartWorkspaceResult(
            started=False,
            workspace_id=building.workspace.id,
            workspace_name=building.workspace.full_name,
            build_id=building.build_id,
            status=ResultStatus.BUILDING,
            transition=building.transition,
            message=building.message,
            agent_status=AgentStatus.STARTING,
        )


def _draft(found: Existing, build: Build) -> StartWorkspaceResult:
    updated = build.template_version_id != found.build.template_version_id
    return StartWorkspaceResult(
        started=True,
        workspace_id=found.workspace.id,
        workspace_name=found.workspace.full_name,
        build_id=build.id,
        updated_to_active_version=True if updated else None,
        update_reason=_UPDATE_REASON if updated else None,
        message=_UPDATED if updated else None,
        agent_status=AgentStatus.STARTING,
    )
