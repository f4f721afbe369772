"""Phrases about money and about conversations that became too long."""

from __future__ import annotations

import pytest

from tests.unit.chaterror.shapes import answered, row, said

CONTEXT = [
    "prompt is too long: 210000 tokens > 200000 maximum",
    "Input is too long for requested model.",
    "Your input exceeds the context window of this model",
    "The input token count (1050000) exceeds the maximum number of tokens allowed",
    "This model's maximum prompt length is 131072 but the request contains 537812 tokens",
    "Please reduce the length of the messages or completion",
    "This model's maximum context length is 8192 tokens",
    "the request exceeds the limit of 128000",
    "the request exceeds the available context size",
    "tokens to keep from the initial prompt is greater than the context length",
    "invalid params, context window exceeds limit (2013)",
    "Your request exceeded model token limit: 262144",
    "context length exceeded",
    "context_length_exceeded",
    "context_exceeded",
    "the context length is only 4096 tokens",
    "input length 5000 exceeds the model's context length",
    "prompt too long; exceeded context length by 3 tokens",
    "prompt too long; exceeded max context length by 3 tokens",
    "400 too large for model with 32768 maximum context length",
    "tokens exceed context limit",
    "the input (7 tokens) is longer than the model's context length",
    "maximum input length is 4096 tokens",
]
STRONG = [
    *("insufficient balance", "insufficient account balance", "Insufficient credits", "insufficient credit"),
    *("insufficient funds", "insufficient fund", "balance is too low", "balance was insufficient"),
    *(
        "balance depleted",
        "balance exhausted",
        "balance is not enough",
        "overdue balance",
        "negative balance",
    ),
    *("outstanding balance", "out of credits", "out of credit", "used up all of your free credits"),
    *(
        "consumed the monthly allocation",
        "used all available included prepaid credits",
        "used your allowance",
    ),
    *("quota is not enough", "credits are not enough", "balance is not enough", "payment required"),
    *("in arrears", "unpaid invoices", "overdue invoice", "past due invoice", "past invoices"),
    *("enter a valid payment method", "add your payment method", "update payment method"),
    *("账户余额不足", "额度不足", "已欠费", "请充值", "您的套餐已到期"),
]
ALLOWANCE = [
    *(
        "You have reached your specified API usage limits",
        "exceeds its spending limit",
        "hit the budget limit",
    ),
    *("reached their monthly spend limit", "usage limit reached", "hard limit has been exceeded"),
    *("spending limit was reached", "budget has been exceeded", "exceeded your daily free credits"),
    *("exceeded your weekly usage", "exceeded your monthly token allowance", "daily limit reached"),
    *(
        "weekly usage limit has been exceeded",
        "monthly limit is reached",
        "limited to 50 free requests per day",
    ),
    *("limited to 1,000 calls/month", "您已达到使用上限", "次数限额"),
]
WEAK = [
    *("quota exceeded", "quota for this was exhausted", "quota is reached", "quota used up", "quota run out"),
    *("quota insufficient", "exceeded your current quota", "exhausted the quota", "out of your free quota"),
    *("out of quota", "billing issue", "billing problem", "billing error", "billing disabled"),
    *("billing to be enabled", "add more credits", "add funds", "add balance", "out of funds"),
    *("budget exceeded", "budget limit is exhausted", "budget has been exhausted"),
]
# Words that lie: none of these says that money is spent.
HARMLESS = [
    "see https://example.com/account/billing for plans",
    "this pricing tier has a limit",
    "your subscription key is wrong",
    "check your plan and billing details",
    "unused credits stay",
]


@pytest.mark.parametrize("text", CONTEXT)
def test_a_context_phrase_is_a_context_overflow(text: str) -> None:
    assert row(answered(400, said(text))) == "E7"
    assert row(RuntimeError(text)) == "E7"


@pytest.mark.parametrize("text", CONTEXT)
@pytest.mark.parametrize(("status", "number"), [(429, "E22"), (402, "E18")])
def test_a_context_phrase_says_nothing_on_429_and_402(text: str, status: int, number: str) -> None:
    assert row(answered(status, said(text))) == number


def test_too_many_tokens_is_a_rate_limit() -> None:
    assert row(answered(429, said("too many tokens, please wait"))) == "E22"


@pytest.mark.parametrize("text", STRONG)
@pytest.mark.parametrize("status", [0, 400, 401, 403, 412, 429])
def test_a_strong_money_phrase_is_spent_money(text: str, status: int) -> None:
    assert row(answered(status, said(text))) == "E13"


@pytest.mark.parametrize("text", STRONG)
def test_a_strong_money_phrase_counts_in_a_stream_body_and_a_mere_text(text: str) -> None:
    assert row(answered(0, {"type": "error", "error": {"type": "odd", "message": text}})) == "E13"
    assert row(RuntimeError(text)) == "E13"


@pytest.mark.parametrize("text", ALLOWANCE)
@pytest.mark.parametrize("status", [0, 400, 403, 429])
def test_an_allowance_phrase_is_spent_money(text: str, status: int) -> None:
    assert row(answered(status, said(text))) == "E15"


@pytest.mark.parametrize("text", ALLOWANCE)
@pytest.mark.parametrize("window", ["per second", "per minute", "at 5/s", "at 5 / min", "rpm", "tpm"])
def test_an_allowance_phrase_beside_a_short_window_is_a_rate_limit(text: str, window: str) -> None:
    assert row(answered(429, said(f"{text} {window}"))) == "E22"


def test_a_link_is_no_short_window() -> None:
    assert row(answered(429, said("usage limit reached, see https://x.test/s/min/rates"))) == "E15"


@pytest.mark.parametrize("text", WEAK)
@pytest.mark.parametrize("status", [400, 402, 403])
def test_a_weak_money_phrase_is_spent_money_on_billing_shaped_statuses(text: str, status: int) -> None:
    assert row(answered(status, said(text))) == "E18"


@pytest.mark.parametrize("text", WEAK)
@pytest.mark.parametrize(("status", "number"), [(429, "E22"), (418, "E27"), (500, "E25")])
def test_a_weak_money_phrase_says_nothing_on_other_statuses(text: str, status: int, number: str) -> None:
    assert row(answered(status, said(text))) == number


@pytest.mark.parametrize("text", WEAK)
def test_a_weak_money_phrase_says_nothing_in_a_body_without_a_status(text: str) -> None:
    assert row(answered(0, said(text))) == "E27"


@pytest.mark.parametrize(
    "signal", ["rate limit", "rate_limit", "rate-limit", "RateLimit", "too many requests"]
)
def test_a_weak_money_phrase_beside_a_rate_limit_signal_is_a_rate_limit(signal: str) -> None:
    assert row(answered(400, said(f"quota exceeded ({signal})"))) == "E18"
    assert row(RuntimeError(f"quota exceeded ({signal})")) in {"E22", "E27"}


@pytest.mark.parametrize("header", ["Retry-After", "retry-after-ms"])
def test_a_delay_in_the_headers_is_a_rate_limit_signal(header: str) -> None:
    assert row(answered(400, said("quota exceeded"), headers={header: "5"})) == "E18"
    assert row(answered(400, said("quota exceeded"), headers={header: ""})) == "E18"


@pytest.mark.parametrize("text", HARMLESS)
@pytest.mark.parametrize(("status", "number"), [(400, "E26"), (403, "E21"), (429, "E22"), (418, "E27")])
def test_words_that_lie_are_not_about_spent_money(text: str, status: int, number: str) -> None:
    assert row(answered(status, said(text))) == number


def test_the_gap_of_a_phrase_ends_with_the_sentence() -> None:
    assert row(answered(400, said("quota. something else was exceeded"))) == "E26"
    assert row(answered(400, said("input length odd. it exceeds a context length"))) == "E26"


def test_white_space_of_the_answer_is_collapsed() -> None:
    assert row(answered(429, said("insufficient\n\t  balance"))) == "E13"


def test_escapes_of_the_body_are_decoded() -> None:
    assert row(answered(429, '{"error": {"message": "\\u4f59\\u989d\\u4e0d\\u8db3"}}')) == "E13"


def test_keys_of_the_body_are_no_words() -> None:
    assert row(answered(429, {"payment required": "no"})) == "E22"


def test_a_page_is_no_word_of_the_provider() -> None:
    assert row(answered(403, "<html>payment required</html>")) == "E21"
