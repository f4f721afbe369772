"""Changes inside a workspace: made once for each id of a tool call, whatever happens to the call."""

from __future__ import annotations

from typing import TYPE_CHECKING, assert_never

from chattool.chats import acquired_lease
from chattool.errors import ToolError
from chattool.replay import Replay
from chattool.results import ToolResponse
from chattool.workspace_access import Outcome, answer

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.arguments import ToolArgs
    from chattool.workspace_access import WorkspaceCall
    from chattool.workspace_results import WorkspaceAnswer


async def answer_once(
    call: WorkspaceCall, arguments: ToolArgs, work: Callable[[], Awaitable[WorkspaceAnswer]]
) -> ToolResponse:
    """What the first call of this id answered, or else the response that carries the result of ``work``.

    Where the first one left no answer, nobody knows what it did; that is said, and nothing is done again.
    """
    if not call.context.tool_call_id:
        return await answer(work())
    replay = Replay(call, call.tool, arguments)
    try:
        # Two calls of one id at once must not both find that there was none.
        async with await acquired_lease(call):
            earlier = await replay.begin()
    except ToolError as error:
        return ToolResponse.text_error(str(error))
    if earlier is not None:
        return earlier
    response = await answer(work())
    match call.outcome:
        case Outcome.ANSWERED:
            await replay.answered(response)
        case Outcome.NOTHING_DONE:
            await replay.not_done()
        case Outcome.UNKNOWN:
            pass
        case _:
            assert_never(call.outcome)
    return response
