"""The tools as data, and the one way to call them by name."""

from __future__ import annotations

import logging
import re
import secrets
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from chattool import (
    arguments,
    create_workspace,
    inspection_arguments,
    inspection_results,
    list_templates,
    read_template,
    results,
    schemas,
    start_workspace,
    stop_workspace,
    template_files,
    wait_for_workspace,
    workspace_arguments,
    workspace_commands,
    workspace_files,
    workspace_logs,
    workspace_quota,
    workspace_results,
    workspace_status,
)
from chattool.arguments import ToolArgs
from chattool.envelope import LONGEST_TEXT, enveloped
from chattool.results import Result, ToolResponse
from db.errors import ToolInputError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from chattool.context import Progress, ToolContext
    from chattool.envelope import Envelope
    from chattool.settings import WaitBounds

log = logging.getLogger(__name__)

A = TypeVar("A", bound=ToolArgs)

_NAME = re.compile(r"[a-zA-Z_][a-zA-Z0-9_-]{0,63}")
_LONGEST_CALL_ID = 256


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotations:
    """What a host may assume about a tool before it calls it."""

    read_only: bool
    destructive: bool
    idempotent: bool
    open_world: bool


@dataclass(frozen=True, kw_only=True, slots=True)
class Tool(Generic[A]):
    """One tool: how it is shown, what it takes, every model it can answer with, and its function."""

    name: str
    title: str
    description: str
    args: type[A]
    results: tuple[type[Result], ...]
    annotations: Annotations
    handler: Callable[[ToolContext, A], Awaitable[ToolResponse]]
    longest_text: int = LONGEST_TEXT
    """How many bytes of an answer a model gets to read."""

    async def call(self, context: ToolContext, given: Mapping[str, object] | str | None) -> ToolResponse:
        """The tool's answer; arguments that cannot be read are a text error."""
        try:
            parsed = arguments.parsed(self.args, given)
        except ToolInputError as error:
            return ToolResponse.text_error(str(error))
        return await self.handler(context, parsed)


_READS = Annotations(read_only=True, destructive=False, idempotent=True, open_world=False)
_MAKES_BUILDS = Annotations(read_only=False, destructive=False, idempotent=True, open_world=True)
_RUNS_COMMANDS = Annotations(read_only=False, destructive=True, idempotent=False, open_world=True)
_OVERWRITES = Annotations(read_only=False, destructive=True, idempotent=True, open_world=False)
_EDITS = Annotations(read_only=False, destructive=True, idempotent=False, open_world=False)

# Pages of a log, and a file in one piece.
_LONG_TEXT = 2 * LONGEST_TEXT

# The arguments differ from tool to tool, so the registry cannot name them.
TOOLS: tuple[Tool[Any], ...] = (
    Tool(
        name="list_templates",
        title=list_templates.TITLE,
        description=list_templates.DESCRIPTION,
        args=inspection_arguments.ListTemplatesArgs,
        results=(inspection_results.ListTemplatesResult,),
        annotations=_READS,
        handler=list_templates.list_templates,
    ),
    Tool(
        name="read_template",
        title=read_template.TITLE,
        description=read_template.DESCRIPTION,
        args=inspection_arguments.ReadTemplateArgs,
        results=(inspection_results.ReadTemplateResult,),
        annotations=_READS,
        handler=read_template.read_template,
    ),
    Tool(
        name="create_workspace",
        title=create_workspace.TITLE,
        description=create_workspace.DESCRIPTION,
        args=arguments.CreateWorkspaceArgs,
        results=(
            results.CreateWorkspaceResult,
            results.QuotaErrorResult,
            results.BuildFailureResult,
            results.RequestErrorResult,
        ),
        annotations=_MAKES_BUILDS,
        handler=create_workspace.create_workspace,
    ),
    Tool(
        name="start_workspace",
        title=start_workspace.TITLE,
        description=start_workspace.DESCRIPTION,
        args=arguments.StartWorkspaceArgs,
        results=(
            results.StartWorkspaceResult,
            results.QuotaErrorResult,
            results.BuildFailureResult,
            results.RequestErrorResult,
        ),
        annotations=_MAKES_BUILDS,
        handler=start_workspace.start_workspace,
    ),
    Tool(
        name="stop_workspace",
        title=stop_workspace.TITLE,
        description=stop_workspace.DESCRIPTION,
        args=arguments.StopWorkspaceArgs,
        results=(
            results.StopWorkspaceResult,
            results.BuildFailureResult,
            results.RequestErrorResult,
        ),
        annotations=_MAKES_BUILDS,
        handler=stop_workspace.stop_workspace,
    ),
    Tool(
        name="wait_for_workspace",
        title=wait_for_workspace.TITLE,
        description=wait_for_workspace.DESCRIPTION,
        args=arguments.WaitForWorkspaceArgs,
        results=(
            results.WaitForWorkspaceResult,
            results.QuotaErrorResult,
            results.BuildFailureResult,
        ),
        annotations=_READS,
        handler=wait_for_workspace.wait_for_workspace,
    ),
    Tool(
        name="workspace_status",
        title=workspace_status.TITLE,
        description=workspace_status.DESCRIPTION,
        args=inspection_arguments.WorkspaceStatusArgs,
        results=(inspection_results.WorkspaceStatusResult,),
        annotations=_READS,
        handler=workspace_status.workspace_status,
    ),
    Tool(
        name="get_workspace_quota",
        title=workspace_quota.TITLE,
        description=workspace_quota.DESCRIPTION,
        args=inspection_arguments.WorkspaceQuotaArgs,
        results=(inspection_results.WorkspaceQuotaResult,),
        annotations=_READS,
        handler=workspace_quota.get_workspace_quota,
    ),
    Tool(
        name="get_workspace_build_logs",
        title=workspace_logs.BUILD_TITLE,
        description=workspace_logs.BUILD_DESCRIPTION,
        args=inspection_arguments.BuildLogsArgs,
        results=(inspection_results.BuildLogsResult,),
        annotations=_READS,
        handler=workspace_logs.get_workspace_build_logs,
        longest_text=_LONG_TEXT,
    ),
    Tool(
        name="get_workspace_agent_logs",
        title=workspace_logs.AGENT_TITLE,
        description=workspace_logs.AGENT_DESCRIPTION,
        args=inspection_arguments.AgentLogsArgs,
        results=(inspection_results.AgentLogsResult,),
        annotations=_READS,
        handler=workspace_logs.get_workspace_agent_logs,
        longest_text=_LONG_TEXT,
    ),
    Tool(
        name="get_template_version_files",
        title=template_files.TITLE,
        description=template_files.DESCRIPTION,
        args=inspection_arguments.TemplateFilesArgs,
        results=(
            inspection_results.TemplateFilesResult,
            inspection_results.TemplateFileResult,
        ),
        annotations=_READS,
        handler=template_files.get_template_version_files,
        longest_text=_LONG_TEXT,
    ),
    Tool(
        name="execute",
        title=workspace_commands.TITLE,
        description=workspace_commands.DESCRIPTION,
        args=workspace_arguments.ExecuteArgs,
        results=(workspace_results.ProcessResult,),
        annotations=_RUNS_COMMANDS,
        handler=workspace_commands.execute,
    ),
    Tool(
        name="process_output",
        title=workspace_commands.OUTPUT_TITLE,
        description=workspace_commands.OUTPUT_DESCRIPTION,
        args=workspace_arguments.ProcessOutputArgs,
        results=(workspace_results.ProcessResult,),
        annotations=_READS,
        handler=workspace_commands.process_output,
    ),
    Tool(
        name="stop_process",
        title=workspace_commands.STOP_TITLE,
        description=workspace_commands.STOP_DESCRIPTION,
        args=workspace_arguments.StopProcessArgs,
        results=(workspace_results.ProcessResult,),
        annotations=_OVERWRITES,
        handler=workspace_commands.stop_process,
    ),
    Tool(
        name="read_file",
        title=workspace_files.READ_TITLE,
        description=workspace_files.READ_DESCRIPTION,
        args=workspace_arguments.ReadFileArgs,
        results=(workspace_results.ReadFileResult,),
        annotations=_READS,
        handler=workspace_files.read_file,
    ),
    Tool(
        name="write_file",
        title=workspace_files.WRITE_TITLE,
        description=workspace_files.WRITE_DESCRIPTION,
        args=workspace_arguments.WriteFileArgs,
        results=(workspace_results.WriteFileResult,),
        annotations=_OVERWRITES,
        handler=workspace_files.write_file,
    ),
    Tool(
        name="edit_files",
        title=workspace_files.EDIT_TITLE,
        description=workspace_files.EDIT_DESCRIPTION,
        args=workspace_arguments.EditFilesArgs,
        results=(workspace_results.EditFilesResult,),
        annotations=_EDITS,
        handler=workspace_files.edit_files,
    ),
    Tool(
        name="list_files",
        title=workspace_files.LIST_TITLE,
        description=workspace_files.LIST_DESCRIPTION,
        args=workspace_arguments.ListFilesArgs,
        results=(workspace_results.ListFilesResult,),
        annotations=_READS,
        handler=workspace_files.list_files,
    ),
)


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
        tool = self._by_name.get(name)
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
        its ``tool_call_id`` gets the first one's answer.
        """
        tool = self._by_name.get(name)
        if tool is None:
            known = ", ".join(self._by_name)
            return ToolResponse.text_error(f"unknown tool {arguments.echo(name)}; known: {known}")
        if tool_call_id is not None and len(tool_call_id) > _LONGEST_CALL_ID:
            return ToolResponse.text_error(f"tool call id is longer than {_LONGEST_CALL_ID} characters")
        context = replace(
            self.context,
            tool_call_id=tool_call_id or self.context.tool_call_id,
            on_progress=progress or self.context.on_progress,
        )
        try:
            return await tool.call(context, args)
        except Exception as error:  # noqa: BLE001 - the last place that can keep its text from the model
            return internal_error(name, error)


def internal_error(tool: str, error: Exception) -> ToolResponse:
    """The answer for an unexpected exception, which is logged and only referred to."""
    reference = secrets.token_hex(3)
    keys = {"action": "tool_call", "tool": tool, "reference": reference}
    log.error("internal error in a tool", exc_info=error, extra=keys)
    return ToolResponse.text_error(
        f"internal error in {tool} (reference {reference}); "
        "a build that was started goes on, call wait_for_workspace"
    )
