"""The tools of one chat, and the one way to call them by name."""

from __future__ import annotations

import logging
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from chattool import arguments, schemas
from chattool.envelope import LONGEST_TEXT, enveloped
from chattool.results import ToolResponse
from chattool.tools import TOOLS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.context import Progress, ToolContext
    from chattool.envelope import Envelope
    from chattool.settings import WaitBounds
    from chattool.tool import Tool

log = logging.getLogger(__name__)

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_LONGEST_CALL_ID = 256


class Toolset:
    """The tools for one chat on one backend; cheap to make, even per call.

    Raises:
        ValueError: two tools have one name, or a name is none that hosts accept.
    """

    def __init__(self, context: ToolContext, *, tools: Sequence[Tool[Any]] = TOOLS) -> None:
        self.context = context
        self.tools = tuple(tools)
        self._by_name = {tool.name: tool for tool in self.tools}
        if len(self._by_name) != len(self.tools):
            raise ValueError("two tools have the same name")
        if bad := [name for name in self._by_name if not _NAME.fullmatch(name)]:
            raise ValueError(f"not a tool name: {bad[0]!r}")

    def within(self, bounds: WaitBounds) -> Toolset:
        """The same tools on a surface that bounds how long calls wait."""
        return Toolset(replace(self.context, wait_bounds=bounds), tools=self.tools)

    def schemas(self, *, strict: bool = False) -> list[dict[str, Any]]:
        """``name``, ``description`` and ``parameters`` of each tool, to be given to a model.

        ``strict`` is for providers that hold the model to the schema; see ``chattool.schemas.render``.
        """
        return schemas.described(self.tools, strict=strict, wait=self.context.wait_bounds)

    def envelope(self, name: str, response: ToolResponse, *, chat_id: str | None = None) -> Envelope:
        """The answer of the tool ``name`` as a model is to read it."""
        tool = self._tool(name)
        limit = LONGEST_TEXT if tool is None else tool.longest_text
        return enveloped(response, chat_id=chat_id, longest_text=limit)

    async def dispatch(
        self,
        name: str,
        args: Mapping[str, object] | str | None = None,
        progress: Progress | None = None,
        *,
        tool_call_id: str | None = None,
    ) -> ToolResponse:
        """The answer of the tool ``name``. Raises only ``asyncio.CancelledError``.

        ``args`` is an object or JSON text of one; ``progress`` hears of each phase. A call repeated with
        its ``tool_call_id`` gets the first one's answer, or is told that nobody knows what that one did;
        tools that change nothing just look again.
        """
        tool = self._tool(name)
        if tool is None:
            known = ", ".join(self._by_name)
            return ToolResponse.text_error(f"unknown tool {arguments.echo(str(name))}; known: {known}")
        if (problem := _problem_of_call_id(tool_call_id)) is not None:
            return ToolResponse.text_error(problem)
        context = replace(
            self.context,
            tool_call_id=tool_call_id or self.context.tool_call_id,
            on_progress=progress or self.context.on_progress,
        )
        try:
            return await tool.call(context, args)
        except Exception as error:  # noqa: BLE001 - the last place that can keep its text from the model
            return internal_error(name, error)

    def _tool(self, name: object) -> Tool[Any] | None:
        # Hosts pass on what a model has sent, whatever it is.
        return self._by_name.get(name) if isinstance(name, str) else None


def _problem_of_call_id(call_id: object) -> str | None:
    match call_id:
        case None:
            return None
        case str() if len(call_id) <= _LONGEST_CALL_ID:
            return None
        case str():
            return f"tool call id is longer than {_LONGEST_CALL_ID} characters"
        case _:
            return "tool call id must be text"


def internal_error(tool: str, error: Exception) -> ToolResponse:
    """The answer for an unexpected exception, which is logged and only referred to."""
    reference = secrets.token_hex(3)
    keys = {"action": "tool_call", "tool": tool, "reference": reference}
    log.error("internal error in a tool", exc_info=error, extra=keys)
    return ToolResponse.text_error(
        f"internal error in {tool} (reference {reference}); "
        "a build that was started goes on, call wait_for_workspace"
    )
