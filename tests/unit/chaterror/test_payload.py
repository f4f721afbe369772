"""Payloads, and what is stored of a failure."""

from __future__ import annotations

import json
from dataclasses import fields
from datetime import UTC, datetime, timedelta, timezone

import pytest

from chattool.chaterror import (
    ClassifiedError,
    classify,
    decode_last_error,
    encode_last_error,
    retry_payload,
    terminal_payload,
)
from tests.unit.chaterror.shapes import answered, coded, raised

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
FULL = ClassifiedError(
    message="m",
    detail="d",
    kind="rate_limit",
    provider="openai",
    retryable=True,
    status_code=429,
    retry_after=timedelta(seconds=3),
    code="c",
    reset_at=datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1))),
    evidence="E14:c",
)


def test_a_terminal_payload_holds_everything_but_delay_and_evidence() -> None:
    assert terminal_payload(FULL) == {
        "message": "m",
        "retryable": True,
        "detail": "d",
        "kind": "rate_limit",
        "provider": "openai",
        "status_code": 429,
        "code": "c",
        "reset_at": "2026-03-01T12:00:00Z",
    }


def test_empty_fields_are_left_out_of_a_terminal_payload() -> None:
    assert terminal_payload(ClassifiedError(message="m")) == {"message": "m", "retryable": False}


def test_without_a_message_there_is_no_payload() -> None:
    nameless = ClassifiedError(kind="auth", status_code=401)
    assert terminal_payload(nameless) is None
    assert retry_payload(nameless, attempt=1, delay=timedelta()) is None


def test_a_retry_event_holds_attempt_delay_text_and_moment() -> None:
    assert retry_payload(FULL, attempt=2, delay=timedelta(seconds=1.5), now=NOW) == {
        "attempt": 2,
        "delay_ms": 1500,
        "error": "OpenAI is rate limiting requests.",
        "retrying_at": "2026-03-01T12:00:01.500000Z",
        "kind": "rate_limit",
        "provider": "openai",
        "status_code": 429,
    }


def test_empty_fields_are_left_out_of_a_retry_event() -> None:
    event = retry_payload(ClassifiedError(message="m"), attempt=1, delay=timedelta(), now=NOW)
    assert event is not None
    assert set(event) == {"attempt", "delay_ms", "error", "retrying_at"}


# last_error


def test_no_error_is_null() -> None:
    assert encode_last_error(None) is None
    assert decode_last_error(None) is None


def test_what_was_written_is_read_again() -> None:
    stored = json.loads(json.dumps(encode_last_error(FULL)))
    read = decode_last_error(stored)
    assert read is not None
    for field in fields(FULL):
        if field.name not in ("retry_after", "evidence"):
            assert getattr(read, field.name) == getattr(FULL, field.name)
    assert terminal_payload(read) == stored
    assert decode_last_error(json.dumps(stored)) == read


def test_an_exception_is_classified_before_it_is_written() -> None:
    assert encode_last_error(answered(429, coded("slow_down"))) == terminal_payload(
        classify(answered(429, coded("slow_down")))
    )


def test_an_error_that_says_nothing_is_written_with_its_text() -> None:
    assert encode_last_error(Exception()) == {"message": "", "retryable": False}


@pytest.mark.parametrize(
    "stored",
    [
        *([], "a text", "null", '"text"', "{broken", 7, True, b"\xff", "[" * 100_000),
        {"message": 1},
        {"message": "m", "retryable": "yes"},
        {"message": "m", "status_code": "429"},
        {"message": "m", "status_code": True},
        {"message": "m", "status_code": 429.0},
        {"message": "m", "detail": None},
        {"message": "m", "kind": ["auth"]},
        {"message": "m", "reset_at": 1},
    ],
    ids=lambda stored: str(stored)[:40],
)
def test_anything_unreadable_is_a_generic_failure(stored: object) -> None:
    assert decode_last_error(stored) == ClassifiedError(
        message="The chat request failed unexpectedly.", kind="generic"
    )


def test_strings_are_trimmed_and_blanks_replaced() -> None:
    assert decode_last_error({"message": "  ", "kind": " ", "detail": " d "}) == ClassifiedError(
        message="The chat request failed unexpectedly.", kind="generic", detail="d"
    )


def test_unknown_keys_are_ignored_and_unknown_kinds_kept() -> None:
    read = decode_last_error({"message": "m", "kind": "solar_flare", "color": 7})
    assert read == ClassifiedError(message="m", kind="solar_flare")


def test_a_moment_that_cannot_be_read_is_unknown() -> None:
    read = decode_last_error({"message": "m", "reset_at": "tomorrow"})
    assert read == ClassifiedError(message="m", kind="generic")


def test_the_string_of_a_broken_exception_does_no_harm() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise ValueError

    assert encode_last_error(Broken()) == {"message": "", "retryable": False}
    assert encode_last_error(raised("Broken", "m")) == {
        "message": "The chat request failed unexpectedly.",
        "retryable": False,
        "detail": "m",
        "kind": "generic",
    }
