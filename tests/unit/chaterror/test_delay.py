"""How long to wait, and when an allowance renews."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from chattool.chaterror import classify
from tests.unit.chaterror.shapes import answered, coded, raised, said

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
YEAR = timedelta(days=365)


def _wait(error: BaseException) -> timedelta:
    return classify(error, now=NOW).retry_after


HEADERS = {
    "milliseconds": ({"retry-after-ms": "1500"}, 1.5),
    "fractions of milliseconds": ({"retry-after-ms": "0.5"}, 0.0005),
    "milliseconds before seconds": ({"retry-after-ms": "250", "retry-after": "9"}, 0.25),
    "zero milliseconds go on": ({"retry-after-ms": "0", "retry-after": "9"}, 9),
    "negative milliseconds go on": ({"retry-after-ms": "-4", "retry-after": "9"}, 9),
    "no number of milliseconds goes on": ({"retry-after-ms": "soon", "retry-after": "9"}, 9),
    "seconds": ({"retry-after": "7"}, 7),
    "fractions of seconds": ({"retry-after": "1.25"}, 1.25),
    "trimmed": ({"Retry-After": "  7\t"}, 7),
    "zero is no hint": ({"retry-after": "0"}, 0),
    "negative is no hint": ({"retry-after": "-7"}, 0),
    "IMF date": ({"retry-after": "Sun, 01 Mar 2026 12:00:30 GMT"}, 30),
    "RFC 850 date": ({"retry-after": "Sunday, 01-Mar-26 12:00:30 GMT"}, 30),
    "asctime date": ({"retry-after": "Sun Mar  1 12:00:30 2026"}, 30),
    "a date counts from the date of the answer": (
        {"retry-after": "Sun, 01 Mar 2026 13:00:30 GMT", "date": "Sun, 01 Mar 2026 13:00:00 GMT"},
        30,
    ),
    "a past date is no hint": ({"retry-after": "Sun, 01 Mar 2026 11:59:00 GMT"}, 0),
    "an impossible date is no hint": ({"retry-after": "Sun, 31 Feb 2026 12:00:00 GMT"}, 0),
    "more than a year counts as a year": ({"retry-after": "9" * 300}, YEAR.total_seconds()),
    **{
        f"{value} is no number": ({"retry-after": value}, 0)
        for value in ("1_000", "nan", "inf", "0x10", "30s", "٣")
    },
}


@pytest.mark.parametrize(("headers", "seconds"), HEADERS.values(), ids=HEADERS)
@pytest.mark.parametrize("status", [429, 401])
def test_a_header_asks_for(headers: dict[str, str], seconds: float, status: int) -> None:
    assert _wait(answered(status, headers=headers)).total_seconds() == seconds


@pytest.mark.parametrize(
    ("value", "seconds"), [(3, 3), (0.5, 0.5), (timedelta(minutes=1), 60), (-3, 0), (True, 0), ("3", 0)]
)
def test_the_attribute_of_an_exception_asks_for_a_wait(value: object, seconds: float) -> None:
    assert _wait(raised("SomeError", "m", status_code=429, retry_after=value)).total_seconds() == seconds


def test_headers_beat_the_attribute_and_the_attribute_beats_words() -> None:
    both = raised("SomeError", "try again in 9s", status_code=429, retry_after=3)
    assert _wait(both).total_seconds() == 3
    both.headers = {"retry-after": "2"}  # type: ignore[attr-defined]
    assert _wait(both).total_seconds() == 2


WORDS = {
    "Please try again in 7s.": 7,
    "try again in 1.98s": 1.98,
    "Try again in 350ms": 0.35,
    "retry after 6m0s": 360,
    "retry in 2hr 30min": 9000,
    "Please wait 37 seconds": 37,
    "wait for 2 minutes": 120,
    "retry after 1h": 3600,
    "retry in 1 day": 86400,
    "wait, then try again in 5s": 5,
    "try again in 5": 0,
    "try again in 0s": 0,
    "try again in 5 sheep": 0,
    "it took 5s": 0,
}


@pytest.mark.parametrize(("text", "seconds"), WORDS.items(), ids=WORDS)
def test_words_ask_for(text: str, seconds: float) -> None:
    assert _wait(RuntimeError(text)).total_seconds() == seconds
    assert _wait(answered(429, said(text))).total_seconds() == seconds


def test_googles_retry_delay_and_the_number_of_seconds_in_the_body_ask_for_a_wait() -> None:
    assert _wait(answered(429, {"error": {"details": [{}, {"retryDelay": "46s"}]}})).total_seconds() == 46
    assert _wait(answered(429, {"error": {"resets_in_seconds": 60}})).total_seconds() == 60


@pytest.mark.parametrize("name", ["requests", "tokens"])
def test_a_rate_limit_of_which_nothing_remains_tells_when_it_is_reset(name: str) -> None:
    headers = {f"x-ratelimit-reset-{name}": "6m0s", f"x-ratelimit-remaining-{name}": "0"}
    assert _wait(answered(429, headers=headers)) == timedelta(minutes=6)
    assert _wait(answered(503, headers=headers)) == timedelta()
    assert _wait(answered(429, headers=headers | {f"x-ratelimit-remaining-{name}": "5"})) == timedelta()


def test_anthropics_reset_is_read_likewise() -> None:
    headers = {
        "anthropic-ratelimit-input-tokens-reset": "2026-03-01T12:00:20Z",
        "anthropic-ratelimit-input-tokens-remaining": "0",
        "anthropic-ratelimit-requests-reset": "2026-03-01T13:00:20Z",
        "anthropic-ratelimit-requests-remaining": "10",
    }
    assert _wait(answered(429, headers=headers)) == timedelta(seconds=20)


# reset_at


def _reset(error: BaseException) -> datetime | None:
    return classify(error, now=NOW).reset_at


SPENT = "insufficient_quota"
RESETS = {
    "resets_at in seconds": ({"resets_at": 1772370000}, datetime(2026, 3, 1, 13, tzinfo=UTC)),
    "resets_at in milliseconds": ({"resets_at": 1772370000000}, datetime(2026, 3, 1, 13, tzinfo=UTC)),
    "resets_at as a timestamp": (
        {"resets_at": "2026-03-01T14:00:00+01:00"},
        datetime(2026, 3, 1, 13, tzinfo=UTC),
    ),
    "resets_at in the metadata": (
        {"metadata": {"resets_at": 1772370000}},
        datetime(2026, 3, 1, 13, tzinfo=UTC),
    ),
    "resets_in_seconds": ({"resets_in_seconds": 3600}, datetime(2026, 3, 1, 13, tzinfo=UTC)),
    "regain access": (
        {"message": "You will regain access on 2026-04-01 at 00:00 UTC."},
        datetime(2026, 4, 1, tzinfo=UTC),
    ),
    "resets at": ({"message": "It resets at 2026-03-02T00:00:00Z."}, datetime(2026, 3, 2, tzinfo=UTC)),
    "replenished": (
        {"message": "will be replenished in 1.02:03:04"},
        NOW + timedelta(days=1, hours=2, minutes=3, seconds=4),
    ),
    "replenished without days": ({"message": "replenished in 02:00:00"}, NOW + timedelta(hours=2)),
    "in Chinese": (
        {"message": "您的限额将在 2026-03-02 00:00:00 重置"},
        datetime(2026, 3, 1, 16, tzinfo=UTC),
    ),
    "a delay": ({"message": "try again in 2h"}, NOW + timedelta(hours=2)),
    "a past moment": ({"resets_at": 1700000000}, None),
    "an unreadable moment": ({"resets_at": "tomorrow"}, None),
    "an impossible number": ({"resets_at": 10**40}, None),
    "words without a number": ({"message": "resets at midnight Pacific time"}, None),
    "nothing": ({}, None),
}


@pytest.mark.parametrize(("fields", "expected"), RESETS.values(), ids=RESETS)
def test_spent_money_renews_by(fields: dict[str, object], expected: datetime | None) -> None:
    assert _reset(answered(429, {"error": {"code": SPENT, **fields}})) == expected


def test_the_first_statement_that_is_still_to_come_counts() -> None:
    fields = {"code": SPENT, "resets_at": 1700000000, "resets_in_seconds": 3600}
    assert _reset(answered(429, {"error": fields})) == NOW + timedelta(hours=1)


def test_a_free_allowance_renews_after_its_delay_and_is_unknown_without_one() -> None:
    marked = said("FreeUsageLimitError")
    assert _reset(answered(429, marked, provider="opencode", headers={"retry-after": "60"})) == (
        NOW + timedelta(minutes=1)
    )
    assert _reset(answered(429, marked, provider="opencode")) is None


def test_other_kinds_have_no_reset() -> None:
    assert _reset(answered(429, coded("slow_down"), headers={"retry-after": "60"})) is None
