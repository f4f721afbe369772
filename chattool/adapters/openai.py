"""The tools for OpenAI's APIs, and for everything that speaks like them. Needs no package.

The model reads ``ok``, since neither API has a mark for a failed call.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chattool.adapters.calls import answered, part

if TYPE_CHECKING:
    from chattool.toolset import Toolset


def chat_tools(toolset: Toolset, *, strict: bool = False) -> list[dict[str, Any]]:
    """The argument ``tools`` of ``chat.completions.create``."""
    return [
        {"type": "function", "function": {**tool, "strict": strict}}
        for tool in toolset.schemas(strict=strict)
    ]


def responses_tools(toolset: Toolset, *, strict: bool = False) -> list[dict[str, Any]]:
    """The argument ``tools`` of ``responses.create``."""
    return [{"type": "function", **tool, "strict": strict} for tool in toolset.schemas(strict=strict)]


async def answer(toolset: Toolset, call: object) -> dict[str, str]:
    """What to send back for one call of the model: a ``tool`` message, or a ``function_call_output``.

    ``call`` is an entry of ``message.tool_calls``, or an item of ``response.output`` whose type is
    ``function_call``; as the SDK gives it, or as a dict.

    Raises:
        TypeError: it is neither.
    """
    function = part(call, "function")
    if function is not None:
        text = await _text(toolset, function, part(call, "id"))
        return {"role": "tool", "tool_call_id": part(call, "id"), "content": text}
    if part(call, "call_id") is not None:
        text = await _text(toolset, call, part(call, "call_id"))
        return {"type": "function_call_output", "call_id": part(call, "call_id"), "output": text}
    raise TypeError("call is neither a tool call of a chat completion nor a function call of a response")


async def _text(toolset: Toolset, function: object, call_id: str) -> str:
    name, given = part(function, "name"), part(function, "arguments")
    return (await answered(toolset, name, given, call_id=call_id)).text
