"""The answers to MCP requests, as the protocol's JSON. Both majors of the package serve these."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from chattool.callers import chosen_chat
from chattool.envelope import enveloped
from chattool.errors import ToolError
from chattool.results import ToolResponse
from chattool.schemas import output_schema, render
from chattool.settings import WaitBounds
from chattool.tools import TOOLS
from chattool.toolset import internal_error
from db.errors import ChattoolError, StoreBusy, StoreUnavailable

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from chattool.backend import Chat
    from chattool.callers import Caller
    from chattool.context import Progress
    from chattool.envelope import Envelope
    from chattool.tool import Tool

#: Clients give up after a minute or so, so no call waits longer; ``wait_for_workspace`` goes on from there.
WAIT = WaitBounds(default=timedelta(seconds=25), longest=timedelta(seconds=50))

INSTRUCTIONS = (
    "A workspace for this conversation: create_workspace makes it from a template (see list_templates); "
    "start_workspace and stop_workspace start and stop it; execute, read_file, write_file, edit_files and "
    "list_files work inside it. Builds take minutes and go on by themselves: an answer with status "
    '"building" is no failure, call wait_for_workspace to keep waiting. An answer with ok false says in '
    "error what went wrong, and which tool to call."
)

_CHAT_KEY = "chattool/chat_id"
_CALL_KEY = "chattool/tool_call_id"
_MAKES_CHAT = "create_workspace"
_TELLS_CHAT = frozenset({_MAKES_CHAT, "start_workspace", "stop_workspace", "wait_for_workspace"})

_CHANGES = frozenset(tool.name for tool in TOOLS if not tool.annotations.read_only)
_READS_ONLY = "this token may only read, so {} was not called; ask the user for a token with all rights"

# Cancelled calls that are still giving back what they hold; asyncio itself keeps no task alive.
_running: set[asyncio.Task[Envelope]] = set()


@dataclass(frozen=True, kw_only=True)
class Origin:
    """Where a request comes from: whose it is, and the chats that its host has pinned.

    ``caller`` is awaited for each request, and has everything ready for it; what it raises is the answer.
    """

    caller: Callable[[], Awaitable[Caller]]
    pinned: tuple[str, ...] = ()


def tool_documents() -> list[dict[str, Any]]:
    """The tools as ``tools/list`` shows them to everybody."""
    return [_tool_document(tool) for tool in TOOLS]


def is_tool(name: str) -> bool:
    """Whether there is such a tool; calling another one is an error of the protocol."""
    return any(tool.name == name for tool in TOOLS)


async def call_tool(
    origin: Origin,
    name: str,
    arguments: Mapping[str, object] | None,
    meta: Mapping[str, object] | None,
    progress: Progress | None,
) -> dict[str, Any]:
    """The result of ``tools/call``. A cancelled request ends the following of a build, never the build."""
    work = _envelope(origin, name, dict(arguments or {}), meta or {}, progress)
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_running.discard)
    try:
        envelope = await asyncio.shield(task)
    except asyncio.CancelledError:
        # Once, from here: the library would cancel again and again, in the middle of giving back a lease.
        task.cancel()
        raise
    return {
        "content": [{"type": "text", "text": envelope.text}],
        "structuredContent": envelope.document,
        "isError": not envelope.ok,
    }


async def _envelope(
    origin: Origin,
    name: str,
    arguments: dict[str, object],
    meta: Mapping[str, object],
    progress: Progress | None,
) -> Envelope:
    asked = arguments.pop("chat_id", None)
    try:
        caller = await origin.caller()
        _check_scope(caller, name)
        chat = await _chat(caller, origin.pinned, meta, asked, make=name == _MAKES_CHAT)
        toolset = caller.toolset(chat).within(WAIT)
    except ChattoolError as error:
        return enveloped(ToolResponse.text_error(str(error)))
    except Exception as error:  # noqa: BLE001 - the last place that can keep its text from the model
        return enveloped(internal_error(name, error))
    call_id = meta.get(_CALL_KEY)
    response = await toolset.dispatch(
        name, arguments, progress, tool_call_id=None if call_id is None else str(call_id)
    )
    told = str(chat.id) if chat is not None and name in _TELLS_CHAT else None
    return toolset.envelope(name, response, chat_id=told)


def _check_scope(caller: Caller, tool: str) -> None:
    # Before the chat, which a create would make.
    if caller.read_only and tool in _CHANGES:
        raise ToolError(_READS_ONLY.format(tool))


async def _chat(
    caller: Caller, pins: Iterable[str], meta: Mapping[str, object], asked: object, *, make: bool
) -> Chat | None:
    pinned = {*pins}
    if (handle := meta.get(_CHAT_KEY)) is not None:
        pinned.add(str(handle))
    if asked is not None and not isinstance(asked, str):
        raise ToolError("chat_id must be text")
    try:
        return await chosen_chat(caller, pinned=pinned, asked=asked and asked.strip(), make=make)
    except (StoreBusy, StoreUnavailable) as error:
        raise ToolError(f"load chat: {error}") from error


def _tool_document(tool: Tool[Any]) -> dict[str, Any]:
    hints = tool.annotations
    return {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "inputSchema": render(tool, wait=WAIT, with_chat_id=True),
        "outputSchema": output_schema(tool),
        "annotations": {
            "title": tool.title,
            "readOnlyHint": hints.read_only,
            "destructiveHint": hints.destructive,
            "idempotentHint": hints.idempotent,
            "openWorldHint": hints.open_world,
        },
    }
