"""``stream_guard``: a stream of events that raises what SDKs keep quiet about."""

from __future__ import annotations

import inspect
from enum import StrEnum
from typing import TYPE_CHECKING, TypeVar

from chattool.chaterror import providers
from chattool.chaterror.events import error_from_event, field

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterable

E = TypeVar("E")


class StreamIncomplete(Exception):
    """A stream ended without its last event, so the response is only a part."""

    def __init__(self, provider: str = "") -> None:
        super().__init__(f"the stream of {providers.inside(provider)} ended before the response was complete")
        self.provider = provider


class Dialect(StrEnum):
    """Whose events a stream carries, which decides what the last one looks like."""

    OPENAI_CHAT = "openai_chat"
    MISTRAL = "mistral"
    OPENAI_RESPONSES = "openai_responses"
    ANTHROPIC = "anthropic"
    GOOGLE = "google"
    BEDROCK = "bedrock"


class _Choices:
    """Complete when every choice that was seen has its finish reason."""

    def __init__(self) -> None:
        self._open: dict[object, bool] = {}

    def __call__(self, event: object) -> bool:
        for number, choice in enumerate(_items(field(event, "choices"))):
            index = field(choice, "index")
            key = number if index is None else index
            finished = bool(field(choice, "finish_reason"))
            self._open[key] = self._open.get(key, True) and not finished
        return bool(self._open) and not any(self._open.values())


class _Once:
    """Complete from the first event on of which ``ends`` holds."""

    def __init__(self, ends: Callable[[object], bool]) -> None:
        self._ends = ends
        self._complete = False

    def __call__(self, event: object) -> bool:
        self._complete = self._complete or self._ends(event)
        return self._complete


def _responses_ends(event: object) -> bool:
    return field(event, "type") in ("response.completed", "response.incomplete")


def _anthropic_ends(event: object) -> bool:
    return field(event, "type") == "message_stop"


def _google_ends(event: object) -> bool:
    blocked = field(field(event, "prompt_feedback", "promptFeedback"), "block_reason", "blockReason")
    candidates = _items(field(event, "candidates"))
    return bool(blocked) or any(field(one, "finish_reason", "finishReason") for one in candidates)


def _bedrock_ends(event: object) -> bool:
    return field(event, "messageStop") is not None


_ENDS: dict[Dialect, Callable[[], Callable[[object], bool]]] = {
    Dialect.OPENAI_CHAT: _Choices,
    Dialect.MISTRAL: _Choices,
    Dialect.OPENAI_RESPONSES: lambda: _Once(_responses_ends),
    Dialect.ANTHROPIC: lambda: _Once(_anthropic_ends),
    Dialect.GOOGLE: lambda: _Once(_google_ends),
    Dialect.BEDROCK: lambda: _Once(_bedrock_ends),
}


def stream_guard(stream: AsyncIterable[E], dialect: str, provider: str = "") -> AsyncGenerator[E, None]:
    """Every event of ``stream``, at once and unchanged. The source is closed on every exit.

    Raises:
        ValueError: the dialect is unknown.
        ProviderError: behind an event that reports a failure.
        StreamIncomplete: the stream ended without its last event.
    """
    return _guarded(stream, _ENDS[Dialect(dialect)](), provider)


async def _guarded(
    stream: AsyncIterable[E], ends: Callable[[object], bool], provider: str
) -> AsyncGenerator[E, None]:
    complete = False
    events = aiter(stream)
    try:
        async for event in events:
            yield event
            complete = ends(event)
            failure = error_from_event(event, provider=provider)
            if failure is not None:
                raise failure
        if not complete:
            raise StreamIncomplete(provider)
    finally:
        await _close(stream, events)


async def _close(stream: AsyncIterable[object], events: AsyncIterator[object]) -> None:
    for source in (events, stream):
        close = getattr(source, "aclose", None) or getattr(source, "close", None)
        if callable(close):
            answer = close()
            if inspect.isawaitable(answer):
                await answer
        if events is stream:
            return


def _items(value: object) -> Iterable[object]:
    return value if isinstance(value, list | tuple) else ()
