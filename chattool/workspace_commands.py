"""The tools ``execute``, ``process_output`` and ``stop_process``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from chattool import arguments as tool_arguments
from chattool.errors import ToolError
from chattool.once import answer_once
from chattool.workspace_access import WorkspaceCall, answer
from chattool.workspace_results import ProcessResult

if TYPE_CHECKING:
    from chattool.context import ToolContext
    from chattool.results import ToolResponse
    from chattool.workspace_arguments import ExecuteArgs, ProcessOutputArgs, StopProcessArgs

TITLE = "Run a command"
DESCRIPTION = (
    "Run a shell command in the chat's running workspace, to build, test, search or start something. Answers "
    "exit_code and the output, both streams in the order in which they came; a command that fails is an "
    "ordinary answer. Of a long output the beginning and the end are shown. A command is ended after "
    "timeout_seconds (60 by default; give more for a long one). One that takes longer than the call waits, "
    "or was started with background, goes on: the answer has running true and a process_id for "
    "process_output and stop_process. Nothing can be typed in. All processes end when the workspace stops. "
    "Costs no quota. To read and change files use read_file, write_file and edit_files."
)
OUTPUT_TITLE = "Process output"
OUTPUT_DESCRIPTION = (
    "Read on in the output of a command that execute started, and learn whether it still runs. Pass "
    "next_after as after to read only what is new; with wait_seconds it waits for the command's end. The "
    "process_id stays valid after the end until the workspace stops or many others have ended. Changes "
    "nothing."
)
STOP_TITLE = "Stop a process"
STOP_DESCRIPTION = (
    "End a command that execute started, with everything that it has started: politely, then by force. "
    "Answers how it ended. Harmless when it has ended already."
)

_DEFAULT_TIMEOUT = timedelta(seconds=60)
_LONGEST_TIMEOUT = timedelta(days=1)
_LONGEST_WAIT = timedelta(minutes=10)
_ENDING = timedelta(seconds=5)
"""What it may take to end a command whose time is up."""
_GOES_ON = "The command goes on. Call process_output with this process_id to follow it, or stop_process."
_LEFT_RUNNING = "The command has ended, but what it started still runs; stop_process ends that."
_TIMED_OUT = (
    "The command was ended because its time was up. Give it more timeout_seconds, or run it with background."
)
_STILL_RUNS = (
    "The command still runs. Call process_output with next_after as after, and with wait_seconds to wait for "
    "its end."
)
_MORE = "There is more output; call process_output again with next_after as after."


async def execute(context: ToolContext, arguments: ExecuteArgs) -> ToolResponse:
    """Run a command in the chat's workspace."""
    call = WorkspaceCall(context, "execute", wait=tool_arguments.wait_bound(arguments.wait_seconds))
    return await answer_once(call, arguments, lambda: _execute(call, arguments))


async def process_output(context: ToolContext, arguments: ProcessOutputArgs) -> ToolResponse:
    """What a command has written since."""
    return await answer(_process_output(context, arguments))


async def stop_process(context: ToolContext, arguments: StopProcessArgs) -> ToolResponse:
    """End a command."""
    call = WorkspaceCall(context, "stop_process")
    request = {"process_id": arguments.process_id}
    return await answer_once(call, arguments, lambda: call.ask("stop_process", request, ProcessResult))


async def _execute(call: WorkspaceCall, arguments: ExecuteArgs) -> ProcessResult:
    if not arguments.command.strip():
        raise ToolError("command is required")
    await call.reach()  # what that takes is a part of the wait
    limit = _limit(arguments)
    wait = timedelta() if arguments.background else call.left(_LONGEST_WAIT)
    if limit is not None:
        wait = min(wait, limit + _ENDING)
    request = {
        "command": arguments.command,
        "cwd": arguments.cwd,
        "env": arguments.env,
        "timeout_ms": None if limit is None else _milliseconds(limit),
        "wait_ms": _milliseconds(wait),
    }
    return _explained(await call.ask("execute", request, ProcessResult))


async def _process_output(context: ToolContext, arguments: ProcessOutputArgs) -> ProcessResult:
    wait = min(timedelta(seconds=arguments.wait_seconds), _LONGEST_WAIT)
    call = WorkspaceCall(context, "process_output", wait=wait + context.settings.agent_reconnect_window)
    await call.reach()  # what that takes is a part of the wait
    request = {
        "process_id": arguments.process_id,
        "after": max(arguments.after, 0),
        "wait_ms": _milliseconds(call.left(wait)),
    }
    result = await call.ask("process_output", request, ProcessResult)
    message = None
    if result.running:
        message = _STILL_RUNS
    elif result.next_after < result.output_bytes:
        message = _MORE
    return result.model_copy(update={"message": message})


def _limit(arguments: ExecuteArgs) -> timedelta | None:
    if arguments.timeout_seconds is None:
        return None if arguments.background else _DEFAULT_TIMEOUT
    return min(timedelta(seconds=arguments.timeout_seconds), _LONGEST_TIMEOUT)


def _explained(result: ProcessResult) -> ProcessResult:
    message = None
    if result.running:
        message = _GOES_ON
    elif result.timed_out:
        message = _TIMED_OUT
    elif result.left_running:
        message = _LEFT_RUNNING
    return result.model_copy(update={"message": message})


def _milliseconds(duration: timedelta) -> int:
    return round(duration.total_seconds() * 1000)
