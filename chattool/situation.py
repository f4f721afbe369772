"""What a round of decision reads: the chat, its workspace, and where that stands."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, assert_never

from chattool.build_state import BuildState, build_state
from chattool.errors import JobUnreadable, ToolError, UnexpectedJobStatus

if TYPE_CHECKING:
    from chattool.backend import Build, Workspace
    from chattool.call import Call
    from db.ids import BuildId


LiveState = Literal[BuildState.IN_PROGRESS, BuildState.RUNNING, BuildState.STOPPED, BuildState.BROKEN]


@dataclass(frozen=True, kw_only=True)
class Existing:
    """The workspace of a chat, its latest build, and its state by that build."""

    workspace: Workspace
    build: Build
    state: LiveState


@dataclass(frozen=True, kw_only=True)
class Deleted:
    """The workspace of a chat is gone, whatever its latest build says."""

    workspace: Workspace


NO_WORKSPACE = "chat has no workspace; use create_workspace first"

Situation = Existing | Deleted | None


def existing(situation: Situation) -> Existing:
    """The workspace that a start or stop is about.

    Raises:
        ToolError: the chat has none, or it was deleted.
    """
    match situation:
        case None:
            raise ToolError(NO_WORKSPACE)
        case Deleted():
            raise ToolError("workspace was deleted; use create_workspace to make a new one")
        case Existing():
            return situation
        case _:
            assert_never(situation)


async def read_situation(call: Call) -> Situation:
    """Where the chat's workspace stands; ``None`` when the chat has none.

    Raises:
        ToolError: something cannot be read, or the job has a status nobody knows.
    """
    chat = await call.read("load chat", lambda: call.chats.chat(call.context.chat_id))
    workspace_id = chat.workspace_id
    if workspace_id is None:
        return None
    workspace = await call.read("load workspace", lambda: call.backend.workspace(workspace_id))
    if workspace.deleted:
        return Deleted(workspace=workspace)
    build = await read_build(call, workspace.latest_build_id)
    try:
        state = build_state(build)
    except UnexpectedJobStatus as error:
        raise ToolError(str(error)) from error
    if state is BuildState.DELETED:
        return Deleted(workspace=workspace)
    return Existing(workspace=workspace, build=build, state=state)


async def read_build(call: Call, build_id: BuildId) -> Build:
    """The build with its job.

    Raises:
        ToolError: one of them cannot be read; the text says which.
    """
    try:
        return await call.read("get latest build", lambda: call.backend.build(build_id))
    except ToolError as error:
        if isinstance(error.__cause__, JobUnreadable):
            raise ToolError(f"get provisioner job: {error.__cause__}") from error.__cause__
        raise
