"""The tools for Anthropic's API, and for the tool runner of its SDK.

Only ``runner_tools`` needs the package ``anthropic``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chattool.adapters.calls import answered, needed, part

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.toolset import Toolset


def tools(toolset: Toolset, *, strict: bool = False) -> list[dict[str, Any]]:
    """The argument ``tools`` of ``messages.create``."""
    marks = {"strict": True} if strict else {}
    return [
        {
            "name": tool["name"],
            "description": tool["description"],
            "input_schema": tool["parameters"],
            **marks,
        }
        for tool in toolset.schemas(strict=strict)
    ]


async def answer(toolset: Toolset, block: object) -> dict[str, Any]:
    """The ``tool_result`` to send back for one ``tool_use`` block, as the SDK gives it, or as a dict.

    Raises:
        TypeError: it is no such block.
    """
    if part(block, "type") != "tool_use":
        raise TypeError("block is no tool_use block of a message")
    call_id = part(block, "id")
    envelope = await answered(toolset, part(block, "name"), part(block, "input"), call_id=call_id)
    return {
        "type": "tool_result",
        "tool_use_id": call_id,
        "content": envelope.text,
        "is_error": not envelope.ok,
    }


def runner_tools(toolset: Toolset, *, strict: bool = False) -> list[Any]:
    """The argument ``tools`` of ``AsyncAnthropic().beta.messages.tool_runner``.

    The runner tells no id of a call, so a call that it repeats is a new one.

    Raises:
        ImportError: ``anthropic`` is not installed.
    """
    with needed("anthropic"):
        from anthropic import beta_async_tool  # noqa: PLC0415

    return [
        beta_async_tool(_function(toolset, tool["name"]), **tool) for tool in tools(toolset, strict=strict)
    ]


def _function(toolset: Toolset, name: str) -> Callable[..., Awaitable[str]]:
    from anthropic.lib.tools import ToolError  # noqa: PLC0415

    async def call(**given: object) -> str:
        envelope = await answered(toolset, name, given)
        if not envelope.ok:
            raise ToolError(envelope.text)
        return envelope.text

    return call
