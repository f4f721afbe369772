"""Headlines, word for word."""

from __future__ import annotations

from datetime import timedelta

import pytest

from chattool.chaterror import (
    ClassifiedError,
    Kind,
    classify,
    compat_kind,
    next_step,
    retry_message,
    terminal_message,
)
from tests.unit.chaterror.shapes import answered, coded, raised

TERMINAL = {
    Kind.OVERLOADED: "OpenAI is temporarily overloaded.",
    Kind.RATE_LIMIT: "OpenAI is rate limiting requests.",
    Kind.TIMEOUT: "OpenAI is temporarily unavailable.",
    Kind.STARTUP_TIMEOUT: "OpenAI did not start responding in time.",
    Kind.AUTH: "Authentication with OpenAI failed. Check the API key, permissions, and billing settings.",
    Kind.CONFIG: ("OpenAI rejected the model configuration. Check the selected model and provider settings."),
    Kind.GENERIC: "OpenAI returned an unexpected error.",
    Kind.CANCELED: "The request was canceled before it completed.",
    Kind.QUOTA_EXHAUSTED: (
        "The quota or balance at OpenAI is used up. Add credit, raise the limit, or switch to another model."
    ),
    Kind.FREE_QUOTA_EXHAUSTED: (
        "The free allowance at OpenAI is used up. Wait until it renews, or switch to a paid plan."
    ),
    Kind.INVALID_REQUEST: (
        "OpenAI rejected the request as invalid. Change the request before sending it again."
    ),
    Kind.CONTEXT_OVERFLOW: (
        "The conversation is too long for the selected model. "
        "Shorten it, or choose a model with a larger context window."
    ),
}
RETRYING = {
    **TERMINAL,
    Kind.AUTH: "Authentication with OpenAI failed.",
    Kind.CONFIG: "OpenAI rejected the model configuration.",
    Kind.QUOTA_EXHAUSTED: "The quota or balance at OpenAI is used up.",
    Kind.FREE_QUOTA_EXHAUSTED: "The free allowance at OpenAI is used up.",
    Kind.INVALID_REQUEST: "OpenAI rejected the request as invalid.",
    Kind.CONTEXT_OVERFLOW: "The conversation is too long for the selected model.",
}


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_a_terminal_text(kind: Kind) -> None:
    assert terminal_message(ClassifiedError(kind=kind, provider="openai", status_code=500)) == TERMINAL[kind]


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_a_text_while_retrying(kind: Kind) -> None:
    assert retry_message(ClassifiedError(kind=kind, provider="openai")) == RETRYING[kind]


def test_the_text_while_retrying_ignores_the_message() -> None:
    assert retry_message(ClassifiedError(kind="rate_limit", message="mine")) == (
        "The AI provider is rate limiting requests."
    )


@pytest.mark.parametrize(
    ("kind", "text"),
    [
        ("timeout", "The request timed out before it completed."),
        ("generic", "The chat request failed unexpectedly."),
        ("solar_flare", "The chat request failed unexpectedly."),
    ],
)
def test_a_final_failure_without_a_status_has_a_text_of_its_own(kind: str, text: str) -> None:
    assert terminal_message(ClassifiedError(kind=kind)) == text


@pytest.mark.parametrize("facts", [{"retryable": True}, {"status_code": 500}])
def test_a_retryable_failure_or_one_with_a_status_has_not(facts: dict[str, object]) -> None:
    for kind, text in {
        "timeout": "The AI provider is temporarily unavailable.",
        "generic": "The AI provider returned an unexpected error.",
        "solar_flare": "The AI provider returned an unexpected error.",
    }.items():
        assert terminal_message(ClassifiedError(kind=kind, **facts)) == text  # type: ignore[arg-type]


SPECIAL = {
    "stream incomplete": (
        RuntimeError("openai responses stream closed before terminal event"),
        "OpenAI stream closed unexpectedly before the response completed.",
    ),
    "stream incomplete without a provider": (
        RuntimeError("Model did not produce a final response!"),
        "The AI provider stream closed unexpectedly before the response completed.",
    ),
    "continuity": (
        RuntimeError("No tool output found for function call c"),
        (
            "The chat continuation failed due to an internal state mismatch. "
            "This is not a configuration or billing issue."
        ),
    ),
    "provider disabled": (
        RuntimeError("anthropic: provider_disabled"),
        "The Anthropic provider has been disabled. Contact your administrator.",
    ),
    "provider disabled without a provider": (
        RuntimeError("provider_disabled"),
        "The AI provider has been disabled. Contact your administrator.",
    ),
    "content filter": (
        answered(400, coded("content_filter"), provider="azure"),
        "Azure OpenAI blocked this content under its policy.",
    ),
    "content policy": (
        answered(400, coded("content_policy_violation")),
        "The AI provider blocked this content under its policy.",
    ),
    "content policy by class": (
        raised("ContentPolicyViolationError", "m"),
        "The AI provider blocked this content under its policy.",
    ),
}


@pytest.mark.parametrize(("error", "text"), SPECIAL.values(), ids=SPECIAL)
def test_a_special_case_has_a_text_of_its_own(error: BaseException, text: str) -> None:
    found = classify(error)
    assert (found.message, terminal_message(found)) == (text, text)


def test_a_special_case_has_the_text_of_its_kind_while_retrying() -> None:
    found = classify(RuntimeError("openai responses stream closed before terminal event"))
    assert retry_message(found) == "OpenAI is temporarily unavailable."


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 503, 529])
def test_no_headline_carries_the_status(status: int) -> None:
    assert str(status) not in classify(answered(status)).message


@pytest.mark.parametrize("kind", Kind)
def test_clients_of_the_older_set_get_a_word_they_know(kind: Kind) -> None:
    others = {
        "quota_exhausted": "usage_limit",
        "free_quota_exhausted": "rate_limit",
        "invalid_request": "generic",
        "canceled": "generic",
        "context_overflow": "config",
    }
    assert compat_kind(kind) == others.get(kind, kind)


def test_a_foreign_kind_has_no_other_word() -> None:
    assert compat_kind("solar_flare") == "solar_flare"


# The next step


@pytest.mark.parametrize("kind", Kind)
def test_each_kind_has_a_next_step(kind: Kind) -> None:
    assert next_step(ClassifiedError(kind=kind, message="m"))


@pytest.mark.parametrize(
    ("wait", "words"),
    [
        (timedelta(), "Wait a little"),
        (timedelta(milliseconds=350), "Wait 0.35 s"),
        (timedelta(seconds=119), "Wait 119 s"),
        (timedelta(minutes=90), "Wait 90 min"),
        (timedelta(hours=12), "Wait 12 h"),
    ],
)
def test_a_wait_is_part_of_the_next_step(wait: timedelta, words: str) -> None:
    limited = ClassifiedError(kind=Kind.RATE_LIMIT, message="m", retryable=True, retry_after=wait)
    assert next_step(limited).startswith(f"{words}, then try again")


def test_the_next_step_of_a_callers_own_deadline_is_more_time() -> None:
    assert "more time" in next_step(classify(TimeoutError()))
    assert "try again" in next_step(classify(answered(503)))


def test_a_foreign_kind_has_the_next_step_of_its_flag_and_nothing_has_none() -> None:
    foreign = ClassifiedError(kind="solar_flare", message="m", retryable=True)
    assert next_step(foreign) == "Wait a little, then try again."
    assert next_step(ClassifiedError(kind="solar_flare", message="m")).startswith("Read the detail")
    assert next_step(ClassifiedError()) == ""
