"""The tool ``stop_workspace``."""

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
from chattool.replay import Replay
from chattool.results import ResultStatus, StopWorkspaceResult, ToolResponse
from chattool.situation import existing
from db.states import Transition

if TYPE_CHECKING:
    from chattool.arguments import StopWorkspaceArgs
    from chattool.backend import Actor, Build, Workspace
    from chattool.choices import Building, Choice, Refused
    from chattool.context import ToolContext
    from chattool.results import Result
    from chattool.situation import Situation

TITLE = "Stop workspace"
DESCRIPTION = (
    "Stop this chat's workspace and wait until it has stopped, usually under 2 minutes. Use it when "
    "the user asks, or before start_workspace when the agent of a running workspace is dead. Running "
    "processes end and memory that was not saved is lost; files stay and nothing is deleted. Safe to "
    'repeat. When waiting ends early the answer has status "building": the build goes on by itself, '
    "and its build_id stays valid."
)


async def stop_workspace(context: ToolContext, arguments: StopWorkspaceArgs) -> ToolResponse:
    """Stop the chat's workspace; a failure of the domain is an answer, never raised."""
    if not context.backend.can_stop:
        return ToolResponse.text_error("workspace stopper is not configured")
    call = Call(context, wait=tool_arguments.wait_bound(arguments.wait_seconds))
    replay = Replay(call, "stop_workspace", arguments)
    return await respond(call, WorkspaceStop(call, replay), replay)


@dataclass(frozen=True)
class WorkspaceStop:
    """What a stop adds to the common course of a decision."""

    call: Call
    replay: Replay
    reports_joined_failures: ClassVar[bool] = False

    async def choose(self, situation: Situation, joined: Build | None) -> Choice:
        found = existing(situation)
        match found.state:
            case BuildState.IN_PROGRESS:
                return Join(workspace=found.workspace, build=found.build)
            case BuildState.STOPPED:
                return Answer(finish=lambda: self._already_stopped(found.workspace, joined))
            case BuildState.RUNNING | BuildState.BROKEN:
                actor = await self.call.owner()
                return Make(call=lambda: self._stop(actor, found.workspace))
            case _:
                assert_never(found.state)

    async def _already_stopped(self, workspace: Workspace, joined: Build | None) -> Result:
        return StopWorkspaceResult(
            stopped=True,
            workspace_id=workspace.id,
            workspace_name=workspace.full_name,
            build_id=None if joined is None else joined.id,
            no_build=None if joined else True,
        )

    async def _stop(self, actor: Actor, workspace: Workspace) -> Made | Refused | None:
        return await requested_build(
            self.call.backend,
            actor,
            CreateBuild(
                workspace_id=workspace.id,
                transition=Transition.STOP,
                idempotency_key=self.replay.idempotency_key,
            ),
            workspace=workspace,
            draft=lambda build: StopWorkspaceResult(
                stopped=True,
                workspace_id=workspace.id,
                workspace_name=workspace.full_name,
                build_id=build.id,
            ),
            prefix="stop workspace: ",
        )

    def own_failure(self, workspace: Workspace) -> FailurePath:  # noqa: ARG002 - same for all
        return FailurePath(prefix="workspace stop build failed: ", retry="stop_workspace")

    def joined_failure(self, workspace: Workspace, build: Build) -> FailurePath:  # noqa: ARG002 - same for all
        return FailurePath(prefix="waiting for in-progress build: ", retry="stop_workspace")

    async def finished(self, made: Made) -> Result:
        return made.draft

    def building(self, building: Building) -> Result:
        return StopWorkspaceResult(
            stopped=False,
            workspace_id=building.workspace.id,
            workspace_name=building.workspace.full_name,
            build_id=building.build_id,
            status=ResultStatus.BUILDING,
            transition=building.transition,
            message=building.message,
        )
