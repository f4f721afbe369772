"""Rows E1 to E27 of the order of evidence."""

from __future__ import annotations

import asyncio

import pytest

from chattool.chaterror import ClassifiedError, StreamIncomplete, classify, with_classification
from chattool.chaterror.evidence import ROWS
from chattool.chaterror.rows import MEANINGS, meaning
from tests.unit.chaterror.shapes import answered, coded, raised, row, said, verdict

CASES = {
    # E1
    "E1 an attached classification is answered before anything else is looked at": (
        with_classification(
            answered(401), ClassifiedError(kind="overloaded", retryable=True, evidence="E1:host")
        ),
        ("E1", "overloaded", True),
    ),
    # E2
    "E2 a typed cancellation": (asyncio.CancelledError(), ("E2", "canceled", False)),
    "E2 beats a 401": (raised("RunCancelled", status_code=401), ("E2", "canceled", False)),
    "E2 beats a 529": (raised("RunCancelled", status_code=529), ("E2", "canceled", False)),
    "E2 interrupted words": (RuntimeError("the chat interrupted itself"), ("E2", "canceled", False)),
    "E2 the words context canceled mean nothing": (
        RuntimeError("context canceled"),
        ("E27", "generic", False),
    ),
    # E3
    "E3 continuity words in the own text": (
        RuntimeError("No tool output found for function call call_1"),
        ("E3", "generic", False),
    ),
    "E3 continuity words in the body, whatever the status": (
        answered(400, said("Item 'fc_1' was provided without its required 'reasoning' item: 'rs_1'")),
        ("E3", "generic", False),
    ),
    # E4
    "E4 stream-incomplete words": (
        RuntimeError("anthropic stream closed before message_stop"),
        ("E4", "timeout", True),
    ),
    "E4 by type": (StreamIncomplete("openai"), ("E4", "timeout", True)),
    # E5
    "E5 a reset connection": (ConnectionResetError(104, "reset"), ("E5", "timeout", True)),
    "E5 a bare phrase": (RuntimeError("socket hang up"), ("E5", "timeout", True)),
    # E6
    "E6 the free-usage marker of opencode": (
        answered(429, coded("x", "FreeUsageLimitError: come back"), provider="opencode"),
        ("E6", "free_quota_exhausted", False),
    ),
    "E6 the marker as a code": (
        answered(429, {"error": {"type": "FreeUsageLimitError"}}, provider="opencode"),
        ("E6", "free_quota_exhausted", False),
    ),
    "E6 the marker without a status": (
        answered(0, {"error": {"type": "FreeUsageLimitError", "message": "m"}}, provider="opencode"),
        ("E6", "free_quota_exhausted", False),
    ),
    "E6 the marker from 500 on": (
        answered(503, said("FreeUsageLimitError"), provider="opencode"),
        ("E6", "free_quota_exhausted", False),
    ),
    "E6 not in other letters": (
        answered(429, said("freeusagelimiterror"), provider="opencode"),
        ("E22", "rate_limit", True),
    ),
    "E6 not for other providers": (answered(429, said("FreeUsageLimitError")), ("E22", "rate_limit", True)),
    "E6 not with a 402": (
        answered(402, said("FreeUsageLimitError"), provider="opencode"),
        ("E18", "quota_exhausted", False),
    ),
    # E7
    "E7 a context code": (answered(400, coded("context_length_exceeded")), ("E7", "context_overflow", False)),
    "E7 not on 429": (answered(429, coded("context_length_exceeded")), ("E22", "rate_limit", True)),
    "E7 not on 402": (answered(402, coded("context_length_exceeded")), ("E18", "quota_exhausted", False)),
    "E7 beats 413": (answered(413, said("prompt is too long")), ("E7", "context_overflow", False)),
    "E7 beats the request-too-large code": (
        answered(400, coded("request_too_large", "prompt is too long")),
        ("E7", "context_overflow", False),
    ),
    "E7 the whole own text of an empty 400": (
        RuntimeError("400 (no body)"),
        ("E7", "context_overflow", False),
    ),
    "E7 the same with the words status code": (
        answered(400, text="400 status code (no body)"),
        ("E7", "context_overflow", False),
    ),
    # E8
    "E8 status 413": (answered(413), ("E8", "invalid_request", False)),
    "E8 code request_too_large": (
        answered(400, coded("request_too_large")),
        ("E8", "invalid_request", False),
    ),
    "E8 code payload_too_large": (
        answered(400, coded("payload_too_large")),
        ("E8", "invalid_request", False),
    ),
    "E8 the whole message, case and final dot ignored": (
        answered(400, said("Request Entity Too Large.")),
        ("E8", "invalid_request", False),
    ),
    "E8 not a part of a message": (
        answered(404, said("the payload too large for me")),
        ("E27", "generic", False),
    ),
    # E9
    "E9 a money code at 429": (answered(429, coded("insufficient_quota")), ("E9", "quota_exhausted", False)),
    "E9 a money code at 500": (answered(500, coded("insufficient_quota")), ("E9", "quota_exhausted", False)),
    "E9 insufficient_quota as a word of its own in the text": (
        RuntimeError("failed: insufficient_quota."),
        ("E9", "quota_exhausted", False),
    ),
    "E9 not insufficient_quota inside another word": (
        answered(404, said("see my_insufficient_quota_page")),
        ("E27", "generic", False),
    ),
    # E10
    "E10 status 529": (answered(529), ("E10", "overloaded", True)),
    "E10 an overload code at any status": (
        answered(400, coded("overloaded_error")),
        ("E10", "overloaded", True),
    ),
    "E10 the word in a mere text outranks even a 401 read from it": (
        RuntimeError("401 overloaded"),
        ("E10", "overloaded", True),
    ),
    "E10 the word in the body of a 503": (
        answered(503, said("we are overloaded")),
        ("E10", "overloaded", True),
    ),
    "E10 not the word in a 400": (answered(400, said("overloaded")), ("E26", "invalid_request", False)),
    "E10 opencode without a provider": (
        answered(
            500, {"error": {"type": "ModelError", "message": "No provider available"}}, provider="opencode"
        ),
        ("E10", "overloaded", True),
    ),
    "E10 only with exactly that message": (
        answered(
            418, {"error": {"type": "ModelError", "message": "No provider available!"}}, provider="opencode"
        ),
        ("E27", "generic", False),
    ),
    # E11
    "E11 a request code": (answered(500, coded("invalid_prompt")), ("E11", "invalid_request", False)),
    # E12
    "E12 server_error below 500": (answered(400, coded("server_error")), ("E12", "generic", True)),
    "E12 server_error from 500 on says less than the status": (
        answered(503, coded("server_error")),
        ("E24", "timeout", True),
    ),
    "E12 api_error without a status": (answered(0, coded("api_error")), ("E12", "generic", True)),
    "E12 not api_error with a status": (answered(400, coded("api_error")), ("E26", "invalid_request", False)),
    "E12 an unavailability code without a status": (
        answered(0, coded("unavailable")),
        ("E12", "timeout", True),
    ),
    "E12 an unavailability code with 429": (answered(429, coded("unavailable")), ("E12", "timeout", True)),
    "E12 not an unavailability code with 400": (
        answered(400, coded("unavailable")),
        ("E26", "invalid_request", False),
    ),
    "E12 an unavailability code whose words say overloaded": (
        answered(0, coded("UNAVAILABLE", "The model is overloaded.")),
        ("E12", "overloaded", True),
    ),
    # E13
    "E13 strong money words at 429": (
        answered(429, said("Insufficient credits on this account")),
        ("E13", "quota_exhausted", False),
    ),
    "E13 strong money words without a status": (
        RuntimeError("your balance is too low"),
        ("E13", "quota_exhausted", False),
    ),
    "E13 from 500 on in the strings of a parsed body": (
        answered(502, said("payment required")),
        ("E13", "quota_exhausted", False),
    ),
    "E13 not in the own text from 500 on": (
        answered(502, text="payment required, he said"),
        ("E24", "timeout", True),
    ),
    "E13 not in an unparsed body from 500 on": (answered(502, "payment required"), ("E24", "timeout", True)),
    "E13 silent where the free-usage marker stands": (
        answered(429, said("FreeUsageLimitError: out of credits")),
        ("E22", "rate_limit", True),
    ),
    # E14
    "E14 a rate-limit code at 400": (
        answered(400, coded("rate_limit_exceeded")),
        ("E14", "rate_limit", True),
    ),
    "E14 not with 402": (answered(402, coded("rate_limit_exceeded")), ("E18", "quota_exhausted", False)),
    "E14 beats allowance words": (
        answered(429, coded("rate_limit_exceeded", "monthly limit reached")),
        ("E14", "rate_limit", True),
    ),
    "E14 the number of MiniMax": (
        answered(0, {"base_resp": {"status_code": 1002, "status_msg": "slow"}}),
        ("E14", "rate_limit", True),
    ),
    # E15
    "E15 allowance words at 429": (
        answered(429, said("monthly limit reached")),
        ("E15", "quota_exhausted", False),
    ),
    "E15 allowance words beat a class code": (
        answered(429, coded("rate_limit_error", "You have reached your usage limit")),
        ("E15", "quota_exhausted", False),
    ),
    "E15 not from 500 on": (answered(503, said("monthly limit reached")), ("E24", "timeout", True)),
    "E15 not beside a short window": (
        answered(429, said("monthly limit reached: 5 requests per minute")),
        ("E22", "rate_limit", True),
    ),
    "E15 silent where the free-usage marker stands": (
        answered(429, said("FreeUsageLimitError: monthly limit reached")),
        ("E22", "rate_limit", True),
    ),
    # E16
    "E16 a class code at 400": (answered(400, coded("rate_limit_error")), ("E16", "rate_limit", True)),
    "E16 not with 402": (answered(402, coded("resource_exhausted")), ("E18", "quota_exhausted", False)),
    # E17
    "E17 status 401": (answered(401), ("E17", "auth", False)),
    "E17 status 401 in a text": (RuntimeError("got 401"), ("E17", "auth", False)),
    "E17 a key code at 400": (answered(400, coded("API_KEY_INVALID")), ("E17", "auth", False)),
    "E17 strong auth words in a 400": (answered(400, text="authentication is odd"), ("E17", "auth", False)),
    "E17 not strong auth words in a 429": (
        answered(429, text="authentication is odd"),
        ("E22", "rate_limit", True),
    ),
    # E18
    "E18 weak money words on 403": (
        answered(403, {"detail": "Billing problem on this workspace"}),
        ("E18", "quota_exhausted", False),
    ),
    "E18 weak money words in a mere text": (
        RuntimeError("the quota was exceeded"),
        ("E18", "quota_exhausted", False),
    ),
    "E18 not in a body without a status": (
        answered(0, said("the quota was exceeded")),
        ("E27", "generic", False),
    ),
    "E18 not on 429": (answered(429, said("quota exceeded")), ("E22", "rate_limit", True)),
    "E18 not on 500": (answered(500, said("quota exceeded")), ("E25", "generic", True)),
    "E18 with a rate-limit signal in the words": (
        answered(400, said("quota exceeded, rate limit")),
        ("E18", "rate_limit", True),
    ),
    "E18 with a rate-limit signal in the headers": (
        answered(403, said("quota exceeded"), headers={"RETRY-AFTER": "5"}),
        ("E18", "rate_limit", True),
    ),
    "E18 status 402": (answered(402), ("E18", "quota_exhausted", False)),
    "E18 status 402 with a Retry-After frees itself": (
        answered(402, headers={"retry-after": "60"}),
        ("E18", "rate_limit", True),
    ),
    "E18 the status line of a 402 is no evidence against its Retry-After": (
        answered(402, text="Error code: 402 - Payment Required", headers={"retry-after": "60"}),
        ("E18", "rate_limit", True),
    ),
    "E18 a 402 with the free-usage marker is spent money": (
        answered(402, said("FreeUsageLimitError"), headers={"retry-after": "60"}),
        ("E18", "quota_exhausted", False),
    ),
    # E19
    "E19 a config code": (answered(404, coded("model_not_found")), ("E19", "config", False)),
    "E19 config words make a 503 fail fast": (
        answered(503, text="503 invalid model"),
        ("E19", "config", False),
    ),
    "E19 config words beat 403": (answered(403, text="unsupported model"), ("E19", "config", False)),
    "E19 config words beat 429": (answered(429, text="unsupported model"), ("E19", "config", False)),
    "E19 config words beat a bare forbidden": (
        RuntimeError("forbidden: invalid model"),
        ("E19", "config", False),
    ),
    "E19 strong auth beats config": (RuntimeError("unauthorized: invalid model"), ("E17", "auth", False)),
    "E19 a 404 not_found_error about a model": (
        answered(404, {"type": "error", "error": {"type": "not_found_error", "message": "model: nope-1"}}),
        ("E19", "config", False),
    ),
    "E19 not a 404 not_found_error about something else": (
        answered(404, {"type": "error", "error": {"type": "not_found_error", "message": "file: nope"}}),
        ("E27", "generic", False),
    ),
    # E20
    "E20 bare billing words": (RuntimeError("see your billing"), ("E20", "quota_exhausted", False)),
    "E20 not with a rate-limit signal": (
        RuntimeError("quota: too many requests"),
        ("E22", "rate_limit", True),
    ),
    "E20 not with a status in the text": (RuntimeError("404 status 404 quota"), ("E27", "generic", False)),
    "E20 not in a body": (answered(0, said("see your billing")), ("E27", "generic", False)),
    # E21
    "E21 status 403": (answered(403), ("E21", "auth", False)),
    "E21 a permission code": (answered(400, coded("permission_error")), ("E21", "auth", False)),
    "E21 the word forbidden in a mere text": (RuntimeError("forbidden"), ("E21", "auth", False)),
    "E21 not the word in a 404": (answered(404, text="forbidden"), ("E27", "generic", False)),
    # E22
    "E22 status 429": (answered(429), ("E22", "rate_limit", True)),
    "E22 rate-limit words in a mere text": (RuntimeError("too many requests"), ("E22", "rate_limit", True)),
    "E22 rate-limit words in a 400 without a code": (
        answered(400, text="rate limited"),
        ("E22", "rate_limit", True),
    ),
    "E22 rate-limit words in a 500 without a code": (
        answered(500, text="rate limited"),
        ("E22", "rate_limit", True),
    ),
    "E22 not rate-limit words beside a code": (
        answered(400, coded("odd"), text="rate limited"),
        ("E26", "invalid_request", False),
    ),
    # E23
    "E23 the provider-disabled word": (answered(404, text="provider_disabled"), ("E23", "config", False)),
    "E23 at 503 it beats the status": (answered(503, text="provider_disabled"), ("E23", "config", False)),
    # E24
    "E24 the caller's deadline is final": (TimeoutError(), ("E24", "timeout", False)),
    "E24 a deadline beside a 503 is a final time-out": (
        answered(503, text="context deadline exceeded"),
        ("E24", "timeout", False),
    ),
    "E24 a deadline beside a 500 is a final time-out": (
        answered(500, text="context deadline exceeded"),
        ("E24", "timeout", False),
    ),
    "E24 a deadline beside a 429 is a rate limit": (
        answered(429, text="context deadline exceeded"),
        ("E22", "rate_limit", True),
    ),
    "E24 a deadline beside config words is config": (
        RuntimeError("invalid model: context deadline exceeded"),
        ("E19", "config", False),
    ),
    **{
        f"E24 status {status}": (answered(status), ("E24", "timeout", True))
        for status in (408, 502, 503, 504, 522, 524)
    },
    "E24 time-out words in a mere text": (RuntimeError("unexpected EOF"), ("E24", "timeout", True)),
    "E24 time-out words in a 500": (answered(500, text="upstream timed out"), ("E24", "timeout", True)),
    "E24 not time-out words in a 400": (answered(400, text="timeout"), ("E26", "invalid_request", False)),
    # E25
    "E25 any other status from 500 on": (answered(507), ("E25", "generic", True)),
    "E25 generic retryable words": (RuntimeError("internal server error"), ("E25", "generic", True)),
    "E25 an answer that is no JSON": (raised("JSONDecodeError", "Expecting value"), ("E25", "generic", True)),
    "E25 an answer of the wrong form": (raised("ResponseValidationError", "bad"), ("E25", "generic", True)),
    "E25 not an unreadable answer with a status": (
        raised("JSONDecodeError", "Expecting value", status_code=404),
        ("E27", "generic", False),
    ),
    "E25 not when the parser's complaint holds the provider's error": (
        raised("ResponseValidationError", "bad", body='{"data": {"object": "error", "type": "odd"}}'),
        ("E27", "generic", False),
    ),
    # E26
    "E26 status 400": (answered(400), ("E26", "invalid_request", False)),
    "E26 status 422": (answered(422), ("E26", "invalid_request", False)),
    "E26 status 409": (answered(409), ("E26", "generic", True)),
    "E26 status 409 of which the library says no": (
        answered(409, retryable=False),
        ("E26", "generic", False),
    ),
    "E26 status 409 of which a header says no": (
        answered(409, headers={"X-Should-Retry": "false"}),
        ("E26", "generic", False),
    ),
    "E26 a 404 of openai without a code": (answered(404, provider="openai"), ("E26", "generic", True)),
    "E26 a 404 of openai-compat without a code": (
        answered(404, provider="openai-compat"),
        ("E26", "generic", True),
    ),
    "E26 not a 404 with a code": (answered(404, coded("odd"), provider="openai"), ("E27", "generic", False)),
    "E26 not a 404 of another provider": (answered(404, provider="google"), ("E27", "generic", False)),
    "E26 not a 404 read from a text": (RuntimeError("openai: status 404"), ("E27", "generic", False)),
    # E27
    "E27 everything else": (RuntimeError("something odd"), ("E27", "generic", False)),
    "E27 a client error is not retried for its words": (
        answered(418, text="service unavailable"),
        ("E27", "generic", False),
    ),
}


@pytest.mark.parametrize(("error", "expected"), CASES.values(), ids=CASES)
def test_row(error: BaseException, expected: tuple[str, str, bool]) -> None:
    assert verdict(error) == expected


def test_every_row_has_a_meaning_in_words() -> None:
    assert set(MEANINGS) == {f"E{number}" for number in range(1, 28)}
    assert {row.id for row in ROWS} | {"E1", "E27"} == set(MEANINGS)
    assert meaning("E9:insufficient_quota") == "a code or detail that means spent money"
    assert meaning("from a host") == ""


def test_every_row_has_a_case() -> None:
    assert {name.split()[0] for name in CASES} == {f"E{number}" for number in range(1, 28)}


def test_the_own_flag_never_overrides_a_kind() -> None:
    assert classify(answered(401, retryable=True)).retryable is False
    assert classify(answered(429, retryable=False)).retryable is True


def test_the_free_usage_marker_as_the_code_in_a_mere_text_is_heard_at_opencode() -> None:
    error = raised("SomeError", "code=FreeUsageLimitError; message=come back later")
    assert verdict(error, provider="opencode") == ("E6", "free_quota_exhausted", False)
    assert row(error, provider="openai") == "E27"
