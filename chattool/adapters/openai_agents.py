"""The tools for the OpenAI Agents SDK, the package ``openai-agents``.

The model reads ``ok``, since the SDK has no mark for a failed call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chattool.adapters.calls import answered, needed

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.toolset import Toolset


def tools(toolset: Toolset, *, strict: bool = False) -> list[Any]:
    """The argument ``tools`` of ``agents.Agent``.

    Raises:
        ImportError: ``openai-agents`` is not installed.
    """
    with needed("openai-agents"):
        from agents import FunctionTool  # noqa: PLC0415

    return [
        FunctionTool(
            name=tool["name"],
            description=tool["description"],
            params_json_schema=tool["parameters"],
            on_invoke_tool=_function(toolset, tool["name"]),
            strict_json_schema=strict,
        )
        for tool in toolset.schemas(strict=strict)
    ]


def _function(toolset: Toolset, name: str) -> Callable[[Any, str], Awaitable[str]]:
    async def invoke(context: Any, arguments: str) -> str:  # noqa: ANN401 - the SDK's ToolContext
        # As text: the SDK would send a dict to the model as Python writes it.
        return (await answered(toolset, name, arguments, call_id=context.tool_call_id)).text

    return invoke
