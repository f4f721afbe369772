"""A small agent on any OpenAI-compatible endpoint, with workspaces as its tools.

    OPENAI_API_KEY=... python examples/agent_loop.py "I need a workspace from template <id>"

Shows what a host does about errors of the model: it retries what may pass by itself, says why meanwhile,
and keeps what ended the turn. Started again without a prompt, it shows the same error from the database.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import httpx

from chattool import Toolset, open_engine
from chattool.chat_errors import chat_error, clear_chat_error, record_chat_error
from chattool.chaterror import (
    ProviderError,
    RetryEvent,
    RetryPolicy,
    call_with_retry,
    error_from_event,
    retry_payload,
    startup_guard,
    stream_guard,
    terminal_payload,
)

if TYPE_CHECKING:
    from db.ids import ChatId
    from db.transactions import Store

Message = dict[str, Any]
#: Tells people what happens: a name, and the event as JSON.
Show = Callable[[str, object], None]

SYSTEM = "You help with software. Use the tools only when a workspace is needed."
MOST_STEPS = 20


@dataclass(frozen=True, kw_only=True)
class Model:
    """One model behind ``POST {base_url}/chat/completions``."""

    client: httpx.AsyncClient
    base_url: str
    name: str
    provider: str = ""
    start_limit: timedelta = timedelta(seconds=60)

    async def answer(self, messages: Sequence[Message], tools: Sequence[Message]) -> Message:
        """The model's next message, streamed.

        Raises:
            ProviderError: the endpoint answered with an error, or reported one in its stream.
            StreamIncomplete, StartupTimeout, httpx.HTTPError: it broke off, never began, or is not there.
        """
        asked = {"model": self.name, "messages": messages, "tools": tools, "stream": True}
        message = _Draft()
        async with (
            startup_guard(self.start_limit, provider=self.provider) as guard,
            self.client.stream("POST", f"{self.base_url}/chat/completions", json=asked) as response,
        ):
            chunks = stream_guard(self._chunks(response), "openai_chat", self.provider)
            async with aclosing(chunks):
                async for chunk in chunks:
                    guard.started()
                    message.add(chunk)
        return message.finished()

    async def _chunks(self, response: httpx.Response) -> AsyncIterator[Message]:
        if response.status_code != httpx.codes.OK:
            raise self._error(response, await response.aread())
        if "text/event-stream" not in response.headers.get("content-type", ""):
            body = await response.aread()
            # Gateways send errors with status 200, too.
            raise _reported(body) or self._error(response, body)
        async for line in response.aiter_lines():
            data = line.removeprefix("data:").strip()
            if line.startswith("data:") and data != "[DONE]":
                yield json.loads(data)

    def _error(self, response: httpx.Response, body: bytes) -> ProviderError:
        return ProviderError(
            f"unexpected answer with status {response.status_code}",
            status_code=response.status_code,
            headers=response.headers,
            body=body,
            provider=self.provider,
        )


def _reported(body: bytes) -> ProviderError | None:
    try:
        return error_from_event(json.loads(body))
    except ValueError:
        return None


@dataclass
class _Draft:
    """An answer while it arrives."""

    content: str = ""
    calls: dict[int, dict[str, str]] = field(default_factory=dict)

    def add(self, chunk: Message) -> None:
        for choice in chunk.get("choices", ()):
            delta = choice.get("delta", {})
            self.content += delta.get("content") or ""
            for part in delta.get("tool_calls") or ():
                call = self.calls.setdefault(part["index"], {"id": "", "name": "", "arguments": ""})
                function = part.get("function", {})
                call["id"] = part.get("id") or call["id"]
                call["name"] += function.get("name") or ""
                call["arguments"] += function.get("arguments") or ""

    def finished(self) -> Message:
        message: Message = {"role": "assistant", "content": self.content or None}
        if self.calls:
            message["tool_calls"] = [
                {
                    "id": call["id"],
                    "type": "function",
                    "function": {"name": call["name"], "arguments": call["arguments"]},
                }
                for _index, call in sorted(self.calls.items())
            ]
        return message


@dataclass(frozen=True, kw_only=True)
class Conversation:
    """A chat between a person and the model, which may use the tools."""

    chat_id: ChatId
    store: Store
    toolset: Toolset
    model: Model
    show: Show
    policy: RetryPolicy = field(default_factory=RetryPolicy)
    sleep: Any = None
    messages: list[Message] = field(default_factory=lambda: [{"role": "system", "content": SYSTEM}])

    async def turn(self, prompt: str) -> str | None:
        """The answer to ``prompt``; ``None`` when the turn failed, which was shown and is kept."""
        await clear_chat_error(self.store, self.chat_id)
        self.messages.append({"role": "user", "content": prompt})
        for _ in range(MOST_STEPS):
            try:
                message = await self._next_message()
            except Exception as error:  # noqa: BLE001 - whatever it is, the person is told and it is kept
                found = await record_chat_error(
                    self.store, self.chat_id, error, provider=self.model.provider or None
                )
                self.show("error", terminal_payload(found))
                return None
            self.messages.append(message)
            if not message.get("tool_calls"):
                return message["content"] or ""
            for call in message["tool_calls"]:
                self.messages.append(await self._use(call))
        return None

    async def show_last_error(self) -> None:
        """Show what ended the last turn, as it was shown then."""
        found = await chat_error(self.store, self.chat_id)
        if found is not None:
            self.show("error", terminal_payload(found))

    async def _next_message(self) -> Message:
        tools = [
            {
                "type": "function",
                "function": {
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.args.model_json_schema(),
                },
            }
            for tool in self.toolset.tools
        ]
        # Only the call of the model is repeated; a tool that has run must not run again.
        return await call_with_retry(
            lambda: self.model.answer(self.messages, tools),
            self.policy,
            provider=self.model.provider or None,
            on_retry=self._show_retry,
            sleep=self.sleep,
        )

    def _show_retry(self, event: RetryEvent) -> None:
        self.show("retry", retry_payload(event.classification, attempt=event.attempt, delay=event.delay))

    async def _use(self, call: Message) -> Message:
        function = call["function"]
        self.show("tool", {"name": function["name"], "arguments": function["arguments"]})
        answer = await self.toolset.dispatch(
            function["name"], function["arguments"] or None, tool_call_id=call["id"]
        )
        return {"role": "tool", "tool_call_id": call["id"], "content": answer.content}


async def main() -> int:
    """Run one turn, or show what ended the last; the exit code."""
    options = _options()
    # A host would keep this log, which has the full exceptions; the person is told what helps.
    logging.basicConfig(level=logging.CRITICAL)
    key = os.environ.get("OPENAI_API_KEY", "").strip()
    headers = {"Authorization": f"Bearer {key}"} if key else {}  # local models ask for none
    async with (
        open_engine(options.url) as engine,
        httpx.AsyncClient(headers=headers, timeout=httpx.Timeout(120, connect=10)) as client,
    ):
        toolset = await engine.toolset(options.chat)
        model = Model(client=client, base_url=options.base_url, name=options.model, provider=options.provider)
        conversation = Conversation(
            chat_id=toolset.context.chat_id,
            store=engine.store,
            toolset=toolset,
            model=model,
            show=_print_event,
        )
        if not options.prompt:
            await conversation.show_last_error()
            return 0
        answer = await conversation.turn(" ".join(options.prompt))
        if answer is None:
            return 1
        sys.stdout.write(f"{answer}\n")
        return 0


def _print_event(name: str, event: object) -> None:
    sys.stdout.write(f"{name}: {json.dumps(event, ensure_ascii=False)}\n")
    sys.stdout.flush()


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("prompt", nargs="*", help="without one, the last error is shown")
    parser.add_argument("--base-url", default="https://api.openai.com/v1")
    parser.add_argument("--model", default="gpt-5-mini")
    parser.add_argument("--provider", default="", help="whose name errors carry, like openai")
    parser.add_argument("--url", default="sqlite:///chattool.db", help="database of the engine")
    parser.add_argument("--chat", default="agent-loop", help="which conversation")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
