"""How create, start and stop decide: read, choose, join or make a build, wait, decide again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, assert_never

from chattool import chats
from chattool.build_failure import failure_result
from chattool.build_state import BuildState, job_status
from chattool.choices import Answer, Building, Join, Made, Make, Refused, still_building
from chattool.errors import (
    ToolError,
    WorkspaceBuildTimeout,
    WorkspaceBuildUnreadable,
    WorkspaceWaitError,
)
from chattool.replay import Unfinished
from chattool.results import CreateWorkspaceResult, ToolResponse
from chattool.situation import Existing, read_build, read_situation
from db.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from chattool.backend import Build, Chat, Workspace
    from chattool.call import Call
    from chattool.choices import LifecycleTool, Outcome
    from chattool.replay import Replay
    from chattool.results import Result
    from db.ids import BuildId


_OR_AGAIN = ", or this tool again,"


async def respond(call: Call, tool: LifecycleTool, replay: Replay) -> ToolResponse:
    """The answer of the call."""
    try:
        async with call.progress.alive():
            return await Decision(call, tool, replay).response()
    except ToolError as error:
        return ToolResponse.text_error(str(error))


class Decision:
    """One call on its way through the rounds."""

    def __init__(self, call: Call, tool: LifecycleTool, replay: Replay) -> None:
        self._call = call
        self._tool = tool
        self._replay = replay
        self._joined: Build | None = None
        self._seen: Join | None = None
        """The last build seen, for the answer after the last round."""

    async def response(self) -> ToolResponse:
        """The answer of the call.

        Raises:
            ToolError: the call could not be made; the text says why.
        """
        if (earlier := await self._earlier()) is not None:
            return earlier if isinstance(earlier, ToolResponse) else await self._finish(earlier)
        for _ in range(self._call.settings.decision_rounds):
            try:
                async with await chats.acquired_lease(self._call) as lease:
                    outcome, chat = await self._round(lease)
            except chats.ChatBusy:
                return await self._busy()
            await chats.announce(self._call, chat)
            if (response := await self._conclude(outcome)) is not None:
                return response
        if self._seen is None:
            raise chats.ChatBusy
        return await self._still_building(self._seen.workspace, self._seen.build.id)

    async def _earlier(self) -> Made | ToolResponse | None:
        """What an earlier call of the same id answered, or else made."""
        match await self._replay.find():
            case Unfinished() as unfinished:
                workspace = await self._call.read(
                    "load workspace", lambda: self._call.backend.workspace(unfinished.workspace_id)
                )
                return Made(workspace=workspace, build_id=unfinished.build_id, draft=unfinished.draft)
            case answered:
                return answered

    async def _round(self, lease: chats.HeldLease) -> tuple[Outcome, Chat | None]:
        """What a round came to under the lease, and the chat where its binding was written."""
        if (earlier := await self._earlier()) is not None:
            return earlier, None  # made elsewhere, while this call waited for the lease
        situation = await read_situation(self._call)
        if isinstance(situation, Existing):
            self._seen = Join(workspace=situation.workspace, build=situation.build)
        choice = await self._tool.choose(situation, self._joined)
        match choice:
            case Answer():
                return choice, None
            case Join(workspace=workspace, build=build):
                return choice, await chats.bind(self._call, workspace.id, build.id)
            case Make(call=make):
                if not await lease.confirm():
                    return None, None
                return await lease.complete(self._make(make))

    async def _make(
        self, make: Callable[[], Coroutine[Any, Any, Made | Refused | None]]
    ) -> tuple[Made | ToolResponse | None, Chat | None]:
        match await make():
            case None:
                return None, None
            case Refused(response=response, final=final):
                if final:
                    await self._replay.answered(response)
                return response, None
            case Made() as made:
                chat = await chats.bind(self._call, made.workspace.id, made.build_id)
                await self._replay.made(made.draft, made.workspace.id, made.build_id)
                return made, chat

    async def _conclude(self, outcome: Outcome) -> ToolResponse | None:
        match outcome:
            case Answer(finish=finish):
                return await self._answered(finish)
            case Join():
                return await self._follow(outcome)
            case Made():
                return await self._finish(outcome)
            case ToolResponse() | None:
                return outcome
            case _:
                assert_never(outcome)

    async def _answered(self, finish: Callable[[], Awaitable[Result]]) -> ToolResponse:
        result = await finish()
        if self._joined is not None:
            await chats.announce_fresh(self._call)
        return ToolResponse.of(result)

    async def _follow(self, join: Join) -> ToolResponse | None:
        """Wait for a joined build; ``None`` to decide again."""
        was_canceling = job_status(join.build.job) is JobStatus.CANCELING
        try:
            self._joined = await self._call.wait(join.build.id)
        except WorkspaceBuildTimeout:
            return await self._still_building(join.workspace, join.build.id)
        except WorkspaceWaitError as error:
            unreadable = isinstance(error, WorkspaceBuildUnreadable)
            reports = self._tool.reports_joined_failures and not was_canceling
            if not (unreadable or reports):
                return None
            path = self._tool.joined_failure(join.workspace, join.build)
            return ToolResponse.of(await failure_result(self._call, error, path, join.workspace))
        return None

    async def _finish(self, made: Made) -> ToolResponse:
        """Wait for the build that this call made, then answer."""
        if made.build_id is None:
            return await self._record(made, await self._tool.finished(made))
        try:
            await self._call.wait(made.build_id)
        except WorkspaceBuildTimeout:
            return await self._still_building(made.workspace, made.build_id, draft=made.draft)
        except WorkspaceWaitError as error:
            path = self._tool.own_failure(made.workspace)
            failure = await failure_result(self._call, error, path, made.workspace)
            failure = _with_replaced(failure, made.draft)
            if isinstance(error, WorkspaceBuildUnreadable):
                return ToolResponse.of(failure)  # how the build ends is still to be told
            return await self._record(made, failure)
        result = await self._tool.finished(made)
        await chats.announce_fresh(self._call)
        return await self._record(made, result)

    async def _record(self, made: Made, result: Result) -> ToolResponse:
        response = ToolResponse.of(result)
        await self._replay.answered(response, made.workspace.id, made.build_id)
        return response

    async def _busy(self) -> ToolResponse:
        try:
            situation = await read_situation(self._call)
        except ToolError:
            raise chats.ChatBusy from None
        if not isinstance(situation, Existing) or situation.state is not BuildState.IN_PROGRESS:
            raise chats.ChatBusy
        build = situation.build
        return await self._still_building(situation.workspace, build.id, build=build)

    async def _still_building(
        self,
        workspace: Workspace,
        build_id: BuildId,
        *,
        build: Build | None = None,
        draft: Result | None = None,
    ) -> ToolResponse:
        if build is None:
            build = await self._build_or_none(build_id)
        building = Building(
            workspace=workspace,
            build_id=build_id,
            transition=None if build is None else build.transition,
            message=still_building(build, other_way=_OR_AGAIN),
            draft=draft,
        )
        return ToolResponse.of(self._tool.building(building))

    async def _build_or_none(self, build_id: BuildId) -> Build | None:
        try:
            return await read_build(self._call, build_id)
        except ToolError:
            return None


def _with_replaced(failure: Result, draft: Result) -> Result:
    """A replacement that failed to build must still name what it left behind."""
    if isinstance(draft, CreateWorkspaceResult) and draft.replaced_workspace is not None:
        return failure.model_copy(update={"replaced_workspace": draft.replaced_workspace})
    return failure
