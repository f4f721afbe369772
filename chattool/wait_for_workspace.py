"""The tool ``wait_for_workspace``: re-joins a build that an earlier call left in progress."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from chattool import arguments as tool_arguments
from chattool.build_failure import FailurePath, failure_result
from chattool.build_state import BuildState
from chattool.call import Call
from chattool.choices import still_building
from chattool.errors import ToolError, WorkspaceBuildTimeout, WorkspaceWaitError
from chattool.quota_error import Verb
from chattool.readiness import agent_report
from chattool.results import AgentStatus, ToolResponse, WaitForWorkspaceResult, WaitStatus
from chattool.situation import NO_WORKSPACE, Deleted, existing, read_build, read_situation
from chattool.waiting import has_succeeded
from db.errors import NotFound, ToolInputError
from db.ids import BuildId
from db.states import Transition

if TYPE_CHECKING:
    from chattool.arguments import WaitForWorkspaceArgs
    from chattool.backend import Build, Workspace
    from chattool.context import ToolContext
    from chattool.results import Result
    from chattool.situation import Situation

TITLE = "Wait for workspace"
DESCRIPTION = (
    'Keep waiting for a build that an earlier answer left with status "building", and learn how it ended. '
    "Give that answer's build_id, or leave it out to follow the newest build of this chat's workspace. It "
    "starts, stops and changes nothing, costs nothing, and may be called as often as it takes; a build takes "
    '1 to 10 minutes. While the build still goes on the answer has status "building" again.'
)

_UNKNOWN = "unknown build_id; leave it out to follow the newest build"
_READY = "The workspace runs and its agent is ready."
_NO_AGENT = "The workspace runs. It has no agent."
_STOPPED = "The workspace is stopped; call start_workspace to start it."
_DELETED = "The workspace was deleted; use create_workspace to make a new one."


async def wait_for_workspace(context: ToolContext, arguments: WaitForWorkspaceArgs) -> ToolResponse:
    """How the build of the chat's workspace ended, or that it goes on."""
    call = Call(context, wait=tool_arguments.wait_bound(arguments.wait_seconds))
    try:
        async with call.progress.alive():
            return ToolResponse.of(await _Wait(call).result(arguments.build_id))
    except ToolError as error:
        return ToolResponse.text_error(str(error))


class _Wait:
    """Follows one build after the other until the workspace is at rest, or the time is up."""

    def __init__(self, call: Call) -> None:
        self._call = call

    async def result(self, build_id: str | None) -> Result:
        workspace, build = await self._first(build_id)
        for _ in range(self._call.settings.decision_rounds):
            try:
                if not has_succeeded(build):
                    await self._call.wait(build.id)
            except WorkspaceBuildTimeout:
                return self._building(workspace, await read_build(self._call, build.id))
            except WorkspaceWaitError as error:
                return await failure_result(self._call, error, _path(workspace, build), workspace)
            situation = await read_situation(self._call)
            if (result := await self._at_rest(situation)) is not None:
                return result
            found = existing(situation)  # somebody has asked for another build meanwhile
            workspace, build = found.workspace, found.build
        return self._building(workspace, build)

    async def _first(self, build_id: str | None) -> tuple[Workspace, Build]:
        """The build to follow.

        Raises:
            ToolError: the chat has no workspace, or no such build.
        """
        call = self._call
        chat = await call.read("load chat", lambda: call.chats.chat(call.context.chat_id))
        workspace_id = chat.workspace_id
        if workspace_id is None:
            raise ToolError(NO_WORKSPACE)
        workspace = await call.read("load workspace", lambda: call.backend.workspace(workspace_id))
        if not build_id:
            return workspace, await read_build(call, workspace.latest_build_id)
        try:
            build = await read_build(call, BuildId(tool_arguments.uuid_of("build_id", build_id)))
        except (ToolInputError, ToolError) as error:
            if isinstance(error, ToolError) and not isinstance(error.__cause__, NotFound):
                raise
            raise ToolError(_UNKNOWN) from error
        if build.workspace_id != workspace_id:
            raise ToolError(_UNKNOWN)
        return workspace, build

    async def _at_rest(self, situation: Situation) -> Result | None:
        """The answer; ``None`` while a build, or the failure of one, has to be looked at."""
        if isinstance(situation, Deleted):
            workspace = situation.workspace
            return _result(workspace, workspace.latest_build_id, WaitStatus.DELETED, _DELETED)
        found = existing(situation)
        match found.state:
            case BuildState.RUNNING:
                return await self._running(found.workspace, found.build)
            case BuildState.STOPPED:
                return _result(found.workspace, found.build.id, WaitStatus.STOPPED, _STOPPED)
            case BuildState.IN_PROGRESS | BuildState.BROKEN:
                return None
            case _:
                assert_never(found.state)

    async def _running(self, workspace: Workspace, build: Build) -> Result:
        report = await agent_report(self._call, build.id, connecting=True)
        message = report.advice or (_READY if report.agent_status is AgentStatus.READY else _NO_AGENT)
        result = _result(workspace, build.id, WaitStatus.RUNNING, message)
        return result.model_copy(update=report.fields())

    def _building(self, workspace: Workspace, build: Build) -> Result:
        starting = None if build.transition is Transition.STOP else AgentStatus.STARTING
        return WaitForWorkspaceResult(
            status=WaitStatus.BUILDING,
            transition=build.transition,
            build_id=build.id,
            workspace_id=workspace.id,
            workspace_name=workspace.full_name,
            message=still_building(build),
            agent_status=starting,
        )


def _path(workspace: Workspace, build: Build) -> FailurePath:
    if build.transition is Transition.STOP:
        return FailurePath(prefix="workspace stop build failed: ", retry="stop_workspace")
    verb = Verb.CREATE if build.build_number == 1 else Verb.START
    return FailurePath(
        prefix="workspace build failed: ",
        retry=f"{verb}_workspace",
        verb=verb if build.transition is Transition.START else None,
        quota_organization=workspace.organization_id,
    )


def _result(
    workspace: Workspace, build_id: BuildId, status: WaitStatus, message: str
) -> WaitForWorkspaceResult:
    return WaitForWorkspaceResult(
        status=status,
        build_id=build_id,
        workspace_id=workspace.id,
        workspace_name=workspace.full_name,
        message=message,
    )
