"""How providers write requests and answers, as far as calls of tools need it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from tests.frameworks.script import DONE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.frameworks.script import Call

Document = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Output:
    """What the model was told about a call."""

    text: str
    is_error: bool | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a tool was shown to the model."""

    schema: Document
    strict: bool


class Dialect(Protocol):
    """One API: reads a request, writes an answer."""

    def outputs(self, request: Mapping[str, Any]) -> list[Output]: ...

    def tools(self, request: Mapping[str, Any]) -> dict[str, Shown]: ...

    def answer(self, call: Call | None) -> Document: ...


class Chat:
    """OpenAI's chat completions."""

    def outputs(self, request: Mapping[str, Any]) -> list[Output]:
        messages = request["messages"]
        return [Output(text=each["content"]) for each in messages if each["role"] == "tool"]

    def tools(self, request: Mapping[str, Any]) -> dict[str, Shown]:
        return dict(_shown(tool["function"]) for tool in request["tools"])

    def answer(self, call: Call | None) -> Document:
        message: Document = {"role": "assistant", "content": DONE}
        if call is not None:
            function = {"name": call.name, "arguments": call.arguments}
            calls = [{"id": call.id, "type": "function", "function": function}]
            message = {"role": "assistant", "content": None, "tool_calls": calls}
        reason = "tool_calls" if call is not None else "stop"
        return {
            "id": "chatcmpl-",
            "object": "chat.completion",
            "created": 0,
            "model": "scripted",
            "choices": [{"index": 0, "finish_reason": reason, "message": message}],
            "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
        }


class Responses:
    """OpenAI's responses."""

    def outputs(self, request: Mapping[str, Any]) -> list[Output]:
        items = [item for item in request["input"] if isinstance(item, dict)]
        return [Output(text=item["output"]) for item in items if item.get("type") == "function_call_output"]

    def tools(self, request: Mapping[str, Any]) -> dict[str, Shown]:
        return dict(_shown(tool) for tool in request["tools"])

    def answer(self, call: Call | None) -> Document:
        text = {"type": "output_text", "text": DONE, "annotations": []}
        item: Document = {"type": "message", "id": "msg_1", "role": "assistant", "content": [text]}
        if call is not None:
            item = {"type": "function_call", "id": f"fc_{call.id}", "call_id": call.id}
            item |= {"name": call.name, "arguments": call.arguments}
        details = {"input_tokens_details": {"cached_tokens": 0}}
        details |= {"output_tokens_details": {"reasoning_tokens": 0}}
        return {
            "id": "resp_",
            "object": "response",
            "created_at": 0,
            "model": "scripted",
            "status": "completed",
            "output": [{**item, "status": "completed"}],
            "parallel_tool_calls": True,
            "tool_choice": "auto",
            "tools": [],
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2, **details},
        }


class Messages:
    """Anthropic's messages."""

    def outputs(self, request: Mapping[str, Any]) -> list[Output]:
        contents = [message["content"] for message in request["messages"]]
        blocks = [block for content in contents if isinstance(content, list) for block in content]
        return [
            Output(text=_text(block["content"]), is_error=block.get("is_error", False))
            for block in blocks
            if block["type"] == "tool_result"
        ]

    def tools(self, request: Mapping[str, Any]) -> dict[str, Shown]:
        return dict(_shown(tool, "input_schema") for tool in request["tools"])

    def answer(self, call: Call | None) -> Document:
        block: Document = {"type": "text", "text": DONE}
        if call is not None:
            given = json.loads(call.arguments)
            block = {"type": "tool_use", "id": call.id, "name": call.name, "input": given}
        return {
            "id": "msg_",
            "type": "message",
            "role": "assistant",
            "model": "scripted",
            "content": [block],
            "stop_reason": "tool_use" if call is not None else "end_turn",
            "stop_sequence": None,
            "usage": {"input_tokens": 1, "output_tokens": 1},
        }


def _shown(tool: Document, schema: str = "parameters") -> tuple[str, Shown]:
    return tool["name"], Shown(schema=tool[schema], strict=bool(tool.get("strict")))


def _text(content: str | list[Document]) -> str:
    return content if isinstance(content, str) else "".join(block["text"] for block in content)


DIALECTS: Mapping[str, Dialect] = {
    "/v1/chat/completions": Chat(),
    "/v1/responses": Responses(),
    "/v1/messages": Messages(),
}
