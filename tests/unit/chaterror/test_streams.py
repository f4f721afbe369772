"""Streams that report a failure as an event, or end too early."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING

import pytest

from chattool.chaterror import (
    Dialect,
    ProviderError,
    StreamIncomplete,
    classify,
    error_from_event,
    stream_guard,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@dataclass
class Source:
    """A stream of an SDK: iterated once, and to be closed."""

    events: list[object]
    closed: bool = False
    _left: list[object] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._left = list(self.events)

    def __aiter__(self) -> AsyncIterator[object]:
        return self

    async def __anext__(self) -> object:
        if not self._left:
            raise StopAsyncIteration
        event = self._left.pop(0)
        if isinstance(event, BaseException):
            raise event
        return event

    async def close(self) -> None:
        self.closed = True


def _choice(reason: str | None, index: int = 0) -> dict[str, object]:
    return {"choices": [{"index": index, "delta": {}, "finish_reason": reason}]}


def _object(**fields: object) -> SimpleNamespace:
    return SimpleNamespace(**fields)


COMPLETE: dict[str, tuple[str, list[object]]] = {
    "openai chat": ("openai_chat", [_choice(None), _choice("stop")]),
    "openai chat with a last chunk without choices": ("openai_chat", [_choice("stop"), {"choices": []}]),
    "openai chat with two choices": (
        "openai_chat",
        [_choice(None, 1), _choice("stop"), _choice("length", 1)],
    ),
    "openai chat as objects": (
        "openai_chat",
        [_object(choices=[_object(index=0, finish_reason="stop")], error=None, type=None)],
    ),
    "mistral": ("mistral", [_choice("stop")]),
    "openai responses, completed": (
        "openai_responses",
        [{"type": "response.created"}, {"type": "response.completed"}],
    ),
    "openai responses, incomplete": ("openai_responses", [{"type": "response.incomplete"}]),
    "anthropic": ("anthropic", [{"type": "message_start"}, {"type": "message_stop"}]),
    "google": ("google", [{"candidates": [{"finish_reason": "STOP"}]}]),
    "google on the wire": ("google", [{"candidates": [{"finishReason": "STOP"}]}]),
    "google, a blocked prompt": ("google", [_object(prompt_feedback=_object(block_reason="SAFETY"))]),
    "bedrock": ("bedrock", [{"messageStart": {}}, {"messageStop": {"stopReason": "end_turn"}}]),
}


@pytest.mark.parametrize(("dialect", "events"), COMPLETE.values(), ids=COMPLETE)
async def test_a_complete_stream_passes_unchanged_and_is_closed(dialect: str, events: list[object]) -> None:
    source = Source(events)
    passed = [event async for event in stream_guard(source, dialect)]
    assert len(passed) == len(events)
    assert all(one is other for one, other in zip(passed, events, strict=True))
    assert source.closed


INCOMPLETE: dict[str, tuple[str, list[object]]] = {
    "openai chat": ("openai_chat", [_choice(None)]),
    "openai chat without any chunk": ("openai_chat", []),
    "openai chat with one choice of two": ("openai_chat", [_choice("stop"), _choice(None, 1)]),
    "mistral": ("mistral", [_choice(None)]),
    "openai responses": ("openai_responses", [{"type": "response.created"}]),
    "anthropic": ("anthropic", [{"type": "message_start"}]),
    "google": ("google", [{"candidates": [{"content": {}}]}]),
    "bedrock": ("bedrock", [{"messageStart": {}}]),
}


@pytest.mark.parametrize(("dialect", "events"), INCOMPLETE.values(), ids=INCOMPLETE)
async def test_a_stream_that_ends_early_says_so(dialect: str, events: list[object]) -> None:
    source = Source(events)
    with pytest.raises(StreamIncomplete) as caught:
        async for _event in stream_guard(source, dialect, provider="google"):
            pass
    found = classify(caught.value)
    assert (found.kind, found.retryable, found.provider) == ("timeout", True, "google")
    assert found.message == "Google stream closed unexpectedly before the response completed."
    assert source.closed


FAILURES: dict[str, tuple[str, object, str]] = {
    "openai chat, an error object in a chunk": (
        "openai_chat",
        {"error": {"code": "server_error", "message": "m"}},
        "E12:server_error",
    ),
    "openai chat, an error object on an object": (
        "openai_chat",
        _object(type=None, error={"code": "rate_limit_exceeded", "message": "m"}),
        "E14:rate_limit_exceeded",
    ),
    "openai responses, error": (
        "openai_responses",
        {"type": "error", "code": "rate_limit_exceeded", "message": "m", "param": None},
        "E14:rate_limit_exceeded",
    ),
    "openai responses, failed": (
        "openai_responses",
        {
            "type": "response.failed",
            "response": {"status": "failed", "error": {"code": "server_error", "message": "m"}},
        },
        "E12:server_error",
    ),
    "openai responses, failed, as objects": (
        "openai_responses",
        _object(type="response.failed", response=_object(error=_object(code="server_error", message="m"))),
        "E12:server_error",
    ),
    "anthropic": (
        "anthropic",
        {"type": "error", "error": {"type": "overloaded_error", "message": "m"}},
        "E10:overloaded_error",
    ),
    "mistral": ("mistral", {"error": {"type": "rate_limit_error", "message": "m"}}, "E16:rate_limit_error"),
    "google": (
        "google",
        {"error": {"code": 503, "status": "UNAVAILABLE", "message": "m"}},
        "E12:unavailable",
    ),
    "bedrock": ("bedrock", {"throttlingException": {"message": "m"}}, "E16:ThrottlingException"),
    "an unknown type": (
        "anthropic",
        {"type": "error", "error": {"type": "odd", "message": "service unavailable"}},
        "E27",
    ),
}


@pytest.mark.parametrize(("dialect", "event", "evidence"), FAILURES.values(), ids=FAILURES)
async def test_a_failure_in_a_stream_is_raised_behind_its_event(
    dialect: str, event: object, evidence: str
) -> None:
    source = Source([event, _choice("stop")])
    passed: list[object] = []

    async def use() -> None:
        async for one in stream_guard(source, dialect):
            passed.append(one)  # noqa: PERF401 - what was passed before the raise counts

    with pytest.raises(ProviderError) as caught:
        await use()
    assert passed == [event]
    assert classify(caught.value).evidence == evidence
    assert source.closed


@pytest.mark.parametrize(
    "event",
    [
        {"type": "message_start"},
        {"error": None},
        {"error": ""},
        {"error": {}},
        _choice(None),
        "text",
        7,
        None,
        SimpleNamespace(),
    ],
    ids=str,
)
def test_other_events_are_no_failures(event: object) -> None:
    assert error_from_event(event) is None


def test_an_event_that_raises_is_no_failure() -> None:
    class Hostile:
        def __getattr__(self, name: str) -> object:
            raise RuntimeError(name)

    assert error_from_event(Hostile()) is None


async def test_an_error_of_the_source_passes_through_and_the_source_is_closed() -> None:
    source = Source([_choice(None), ConnectionResetError()])
    with pytest.raises(ConnectionResetError):
        async for _event in stream_guard(source, Dialect.OPENAI_CHAT):
            pass
    assert source.closed


async def test_a_cancellation_passes_through_and_the_source_is_closed() -> None:
    source = Source([asyncio.CancelledError()])
    with pytest.raises(asyncio.CancelledError):
        async for _event in stream_guard(source, Dialect.OPENAI_CHAT):
            pass
    assert source.closed


async def test_a_consumer_that_leaves_early_closes_the_source() -> None:
    source = Source([_choice(None), _choice("stop")])
    guarded = stream_guard(source, Dialect.OPENAI_CHAT)
    await anext(guarded)
    await guarded.aclose()
    assert source.closed


def test_an_unknown_dialect_is_refused_before_anything_is_read() -> None:
    with pytest.raises(ValueError, match="morse"):
        stream_guard(Source([]), "morse")
