"""Answers as providers send them, from end to end; and what five users in trouble read."""

from __future__ import annotations

import socket
from datetime import UTC, datetime, timedelta

import pytest

from chattool.chaterror import ClassifiedError, ProviderError, classify
from tests.unit.chaterror.shapes import answered, coded, raised, said

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def _classified(error: BaseException) -> ClassifiedError:
    return classify(error, now=NOW)


def _google(quota_id: str, delay: str) -> dict[str, object]:
    details = [{"violations": [{"quotaId": quota_id}]}, {"retryDelay": delay}]
    return {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": details}}


EXAMPLES = {
    "1 openai, hard limit at 429 with a flag that says retry": (
        answered(429, coded("billing_hard_limit_reached"), provider="openai", retryable=True),
        ("quota_exhausted", False, "E9:billing_hard_limit_reached", timedelta()),
    ),
    "2 openai, rate limit whose message advertises an upgrade": (
        answered(
            429,
            coded("rate_limit_exceeded", "slow down, or upgrade your plan on the billing page"),
            provider="openai",
            headers={"Retry-After": "4"},
        ),
        ("rate_limit", True, "E14:rate_limit_exceeded", timedelta(seconds=4)),
    ),
    "3 anthropic, 529 with an empty body": (
        answered(529, "", provider="anthropic"),
        ("overloaded", True, "E10:529", timedelta()),
    ),
    "4 anthropic, an unknown type in a stream whose words sound retryable": (
        answered(
            200,
            {"type": "error", "error": {"type": "not_a_known_error", "message": "service unavailable"}},
            text="service unavailable",
            provider="anthropic",
        ),
        ("generic", False, "E27", timedelta()),
    ),
    "5 google, a quota per minute": (
        answered(429, _google("RequestsPerMinute", "20s"), provider="google"),
        ("rate_limit", True, "E16:resource_exhausted", timedelta(seconds=20)),
    ),
    "6 google, a quota per day": (
        answered(429, _google("RequestsPerDay", "7200s"), provider="google"),
        ("quota_exhausted", False, "E9:PerDay", timedelta(hours=2)),
    ),
    "7 bedrock, an event-stream error without a status": (
        raised(
            "EventStreamError", "m", response={"Error": {"Code": "internalServerException", "Message": "m"}}
        ),
        ("generic", True, "E12:InternalServerException", timedelta()),
    ),
    "8 azure, half a day": (
        answered(429, provider="azure", headers={"Retry-After": "43200"}),
        ("rate_limit", True, "E22:429", timedelta(hours=12)),
    ),
    "9 mistral, billing in words at 403": (
        answered(403, {"detail": "Billing problem on this workspace"}, provider="mistral"),
        ("quota_exhausted", False, "E18:billing", timedelta()),
    ),
    "10 a proxy's page that mentions payment at 502": (
        answered(502, "<html><body>payment required</body></html>", text="bad answer"),
        ("timeout", True, "E24:502", timedelta()),
    ),
    "11 openrouter, an error inside a 200": (
        answered(200, {"error": {"code": 504, "message": "no instance"}}, provider="openrouter"),
        ("timeout", True, "E24:504", timedelta()),
    ),
    "12 together, credits in words at 429": (
        answered(429, said("Insufficient credits on this account"), provider="together"),
        ("quota_exhausted", False, "E13:insufficient", timedelta()),
    ),
}


@pytest.mark.parametrize(("error", "expected"), EXAMPLES.values(), ids=EXAMPLES)
def test_example(error: BaseException, expected: tuple[str, bool, str, timedelta]) -> None:
    found = _classified(error)
    assert (found.kind, found.retryable, found.evidence, found.retry_after) == expected


def test_the_quota_per_day_of_example_six_renews_in_two_hours() -> None:
    error, _ = EXAMPLES["6 google, a quota per day"]
    assert _classified(error).reset_at == NOW + timedelta(hours=2)


def test_five_users_in_trouble_read_five_headlines_with_the_right_next_step() -> None:
    unresolved = raised("ConnectError", "[Errno -2] Name or service not known")
    unresolved.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    troubles: dict[str, BaseException] = {
        "out of credit": answered(429, coded("insufficient_quota"), provider="openai"),
        "over a rate limit": answered(429, coded("rate_limit_exceeded"), provider="openai"),
        "with a wrong key": answered(401, coded("invalid_api_key"), provider="openai"),
        "with a too long prompt": answered(400, coded("context_length_exceeded"), provider="openai"),
        "with a dead network": unresolved,
    }
    headlines = {name: classify(error, provider="openai").message for name, error in troubles.items()}
    assert headlines == {
        "out of credit": (
            "The quota or balance at OpenAI is used up. "
            "Add credit, raise the limit, or switch to another model."
        ),
        "over a rate limit": "OpenAI is rate limiting requests.",
        "with a wrong key": (
            "Authentication with OpenAI failed. Check the API key, permissions, and billing settings."
        ),
        "with a too long prompt": (
            "The conversation is too long for the selected model. "
            "Shorten it, or choose a model with a larger context window."
        ),
        "with a dead network": (
            "The host name of OpenAI could not be resolved. Check the provider's address and the network."
        ),
    }


def test_a_host_may_say_a_status_that_is_no_evidence() -> None:
    found = classify(ProviderError("odd", status_code=204))
    assert (found.status_code, found.evidence) == (204, "E27")
