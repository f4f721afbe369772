"""Word lists, and the columns in which each of them is heard."""

from __future__ import annotations

import pytest

from chattool.chaterror import classify
from tests.unit.chaterror.shapes import answered, coded, row

LISTS = {
    "overloaded": ("E10", ["overloaded"]),
    "rate limit": (
        "E22",
        [
            *("rate limit", "rate_limit", "rate limited", "rate-limited", "too many requests"),
            "rate increased too quickly",
        ],
    ),
    "timeout": (
        "E24",
        [
            *("timeout", "timed out", "service unavailable", "unavailable", "connection reset"),
            *("connection refused", "eof", "broken pipe", "bad gateway", "gateway timeout", "client conn"),
            *("goaway", "http2: stream closed", "use of closed network connection"),
            *(
                f"{name}; received from peer"
                for name in ("internal_error", "refused_stream", "cancel", "enhance_your_calm", "no_error")
            ),
        ],
    ),
    "strong auth": ("E17", ["authentication", "unauthorized", "invalid api key", "invalid_api_key"]),
    "weak auth": ("E21", ["forbidden"]),
    "config": (
        "E19",
        [
            *("invalid model", "model not found", "model_not_found", "unsupported model"),
            *("malformed config", "malformed configuration"),
        ],
    ),
    "generic retryable": ("E25", ["server error", "internal server error"]),
    "interrupted": ("E2", ["chat interrupted", "request interrupted", "operation interrupted"]),
    "provider disabled": ("E23", ["provider_disabled"]),
    "stream incomplete": (
        "E4",
        [
            "anthropic stream closed before message_stop",
            "openai responses stream closed before terminal event",
            "did not produce a final response",
        ],
    ),
    "continuity": (
        "E3",
        ["no tool output found for function call", "was provided without its required 'reasoning' item"],
    ),
    "bare billing": ("E20", ["quota", "billing"]),
    "deadline": ("E24", ["context deadline exceeded"]),
}
WORDS = [(number, word) for number, listed in LISTS.values() for word in listed]


@pytest.mark.parametrize(("number", "word"), WORDS, ids=[f"{word} is {number}" for number, word in WORDS])
def test_a_word_decides_in_a_mere_text(number: str, word: str) -> None:
    assert row(RuntimeError(f"x{word}x")) == number


@pytest.mark.parametrize(("number", "word"), WORDS, ids=[word for _, word in WORDS])
def test_words_are_found_without_case(number: str, word: str) -> None:
    assert row(RuntimeError(word.upper())) == number


# The columns of the table: a body without status and code, 4xx, 5xx, a code without a status.
COLUMNS = {
    "overloaded": ("overloaded", "E10", (True, False, True, False)),
    "rate limit": ("rate limited", "E22", (True, True, True, False)),
    "timeout": ("broken pipe", "E24", (True, False, True, False)),
    "generic retryable": ("server error", "E25", (True, False, True, False)),
    "strong auth": ("authentication", "E17", (True, True, False, True)),
    "weak auth": ("forbidden", "E21", (True, False, False, False)),
    "config": ("invalid model", "E19", (True, True, True, True)),
    "provider disabled": ("provider_disabled", "E23", (True, True, True, True)),
}


@pytest.mark.parametrize(("word", "number", "columns"), COLUMNS.values(), ids=COLUMNS)
def test_a_list_is_heard_only_in_its_columns(
    word: str, number: str, columns: tuple[bool, bool, bool, bool]
) -> None:
    plain, client, server, beside_code = columns
    assert (row(answered(0, {"message": word})) == number) is plain
    assert (row(answered(418, text=word)) == number) is client
    # 500 alone is E25 as well.
    assert (classify(answered(500, text=word)).evidence != "E25:500") is (server and number != "E25")
    assert (row(answered(0, coded("odd", word), text=word)) == number) is beside_code


def test_rate_limit_words_are_not_heard_beside_a_code() -> None:
    assert row(answered(418, coded("odd"), text="rate limited")) == "E27"
    assert row(answered(500, coded("odd"), text="rate limited")) == "E25"


def test_strong_auth_words_are_not_heard_in_a_429() -> None:
    assert row(answered(429, text="authentication")) == "E22"


def test_overloaded_is_heard_in_the_body_of_a_server_error_only() -> None:
    assert row(answered(500, {"error": {"message": "overloaded"}})) == "E10"
    assert row(answered(418, {"error": {"message": "overloaded"}})) == "E27"


def test_the_own_text_of_a_body_without_status_and_code_is_its_message() -> None:
    assert row(answered(0, {"message": "odd"}, text="too many requests")) == "E27"
    assert row(answered(0, {"message": "too many requests"}, text="odd")) == "E22"


def test_an_untyped_envelope_without_a_code_is_read_like_a_text() -> None:
    assert row(answered(0, {"error": {"message": "service unavailable"}})) == "E24"


def test_a_disabled_provider_beside_config_words_keeps_its_own_text() -> None:
    found = classify(RuntimeError("invalid model: provider_disabled"))
    assert (found.kind, found.message) == (
        "config",
        "The AI provider has been disabled. Contact your administrator.",
    )


def test_a_reset_stream_of_http2_is_no_cancellation() -> None:
    assert row(RuntimeError("stream error: stream id 7; CANCEL; received from peer")) == "E24"
