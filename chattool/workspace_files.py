"""The tools ``read_file``, ``write_file``, ``edit_files`` and ``list_files``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.errors import ToolError
from chattool.once import answer_once
from chattool.workspace_access import WorkspaceCall, answer
from chattool.workspace_results import EditFilesResult, ListFilesResult, ReadFileResult, WriteFileResult

if TYPE_CHECKING:
    from chattool.context import ToolContext
    from chattool.results import ToolResponse
    from chattool.workspace_arguments import EditFilesArgs, ListFilesArgs, ReadFileArgs, WriteFileArgs

READ_TITLE = "Read file"
READ_DESCRIPTION = (
    "Read lines of a text file in the chat's running workspace, before it is changed. Answers them exactly "
    "as they are, up to 2000 or as many as fit; with next_offset, call again with it as offset. Changes "
    "nothing."
)
WRITE_TITLE = "Write file"
WRITE_DESCRIPTION = (
    "Make a file in the chat's running workspace, or replace the whole of one; missing directories are made. "
    "To change a part of a file use edit_files."
)
EDIT_TITLE = "Edit files"
EDIT_DESCRIPTION = (
    "Replace exact texts in files of the chat's running workspace: all edits of the call, or none of them. "
    "Read the files first. Each old text must occur exactly once in its file, or replace_all be set; the "
    "error says what was found instead."
)
LIST_TITLE = "List files"
LIST_DESCRIPTION = (
    "List files and directories of the chat's running workspace with their sizes, to find one. Names that "
    "begin with a dot are left out unless hidden is set. With has_more, list a deeper path, or search with "
    "execute. Changes nothing."
)

_DEEPEST = 10
_MOST_LINES = 1_000_000


async def read_file(context: ToolContext, arguments: ReadFileArgs) -> ToolResponse:
    """Lines of a file."""
    request = {
        "path": arguments.path,
        "offset": arguments.offset,
        "limit": min(arguments.limit, _MOST_LINES),
    }
    return await answer(_read(WorkspaceCall(context, "read_file"), request))


async def _read(call: WorkspaceCall, request: dict[str, object]) -> ReadFileResult:
    result = await call.ask("read_file", request, ReadFileResult)
    if result.total_lines and result.start_line is None:
        lines = f"{result.total_lines} line{'s' if result.total_lines > 1 else ''}"
        raise ToolError(f"offset {request['offset']} is past the end of {result.path}, which has {lines}")
    return result


async def write_file(context: ToolContext, arguments: WriteFileArgs) -> ToolResponse:
    """Make or replace a file."""
    call = WorkspaceCall(context, "write_file")
    request = {"path": arguments.path, "content": arguments.content}
    return await answer_once(call, arguments, lambda: call.ask("write_file", request, WriteFileResult))


async def edit_files(context: ToolContext, arguments: EditFilesArgs) -> ToolResponse:
    """Replace texts in files."""
    call = WorkspaceCall(context, "edit_files")
    request = {"edits": [edit.model_dump() for edit in arguments.edits]}
    return await answer_once(call, arguments, lambda: call.ask("edit_files", request, EditFilesResult))


async def list_files(context: ToolContext, arguments: ListFilesArgs) -> ToolResponse:
    """What is in a directory."""
    request = {
        "path": arguments.path,
        "depth": min(arguments.depth, _DEEPEST),
        "hidden": arguments.hidden,
    }
    return await answer(WorkspaceCall(context, "list_files").ask("list_files", request, ListFilesResult))
