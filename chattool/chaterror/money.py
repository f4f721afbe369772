"""Tests about spent money. A status alone never tells it from a rate limit: 429 carries both."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from chattool.chaterror import codes, phrases, words

if TYPE_CHECKING:
    from chattool.chaterror.signals import Signals

_PAYMENT_REQUIRED = 402
_TOO_MANY_REQUESTS = 429
_SERVER_ERROR = 500


def listed_code(s: Signals) -> str:
    """A money code; to some providers ``insufficient_quota`` is a limit per minute."""
    if not _is_minute_quota(s):
        return codes.found(codes.MONEY, s.codes)
    others = {code: sent for code, sent in s.codes.items() if code != "insufficient_quota"}
    return codes.found(codes.MONEY, others)


def _is_minute_quota(s: Signals) -> bool:
    return s.provider in codes.MINUTE_QUOTA_PROVIDERS and s.status == _TOO_MANY_REQUESTS


def insufficient_quota(s: Signals) -> str:
    """The code as a word of its own in a text."""
    if "insufficient_quota" not in s.answer_text or _is_minute_quota(s):
        return ""
    return "insufficient_quota" if phrases.INSUFFICIENT_QUOTA.search(s.answer_text) else ""


def quota_exceeded(s: Signals) -> str:
    """A code that is a day's window here and money there."""
    long_window = s.status == _TOO_MANY_REQUESTS and phrases.LONG_WINDOW.search(s.answer_text)
    return "quota_exceeded" if s.status == _PAYMENT_REQUIRED or long_window else ""


def is_zhipu(s: Signals) -> bool:
    """Whether the numbers of Zhipu mean what they mean there."""
    return s.provider in codes.ZHIPU_PROVIDERS


def minimax_quota(s: Signals) -> str:
    """MiniMax's own numbers of a spent balance and a used-up window."""
    number = _minimax_number(s)
    return str(number) if number in codes.MINIMAX_MONEY else ""


def _minimax_number(s: Signals) -> int:
    answer = s.document.get("base_resp") if s.document is not None else None
    number = answer.get("status_code") if isinstance(answer, Mapping) else None
    return number if isinstance(number, int) else 0


def google_quota(s: Signals) -> str:
    """Details that tell a day's or an absent quota from a minute's."""
    if s.status != _TOO_MANY_REQUESTS:
        return ""
    is_google = s.provider == "google" or "resource_exhausted" in s.codes
    for violation in _violations(s):
        is_google = True
        if "PerDay" in str(violation.get("quotaId")):
            return "PerDay"
        if str(violation.get("quotaValue")) == "0":
            return "quotaValue 0"
    return "limit: 0" if is_google and phrases.ZERO_LIMIT.search(s.answer_text) else ""


def _violations(s: Signals) -> Iterator[Mapping[str, object]]:
    error = s.answer.error if s.answer is not None else None
    details = error.error.get("details") if error is not None else None
    for detail in details[:50] if isinstance(details, list) else ():
        violations = detail.get("violations") if isinstance(detail, Mapping) else None
        for violation in violations[:50] if isinstance(violations, list) else ():
            if isinstance(violation, Mapping):
                yield violation


def minimax_rate_limit(s: Signals) -> str:
    """MiniMax's own number of a rate limit."""
    number = _minimax_number(s)
    return str(number) if number in codes.MINIMAX_RATE_LIMIT else ""


def strong(s: Signals) -> str:
    """Words that mean spent money whatever the status; of a server error only the provider's own."""
    if s.has_free_usage_marker:
        return ""
    if s.status < _SERVER_ERROR:
        return phrases.STRONG_MONEY.found(s.answer_text, s.stems)
    body = s.answer.body if s.answer is not None else None
    if body is None or not body.parsed:
        return ""
    return phrases.STRONG_MONEY.found(s.body_text, s.stems)


def allowance(s: Signals) -> str:
    """Words about a used-up allowance of a day or longer."""
    if s.status >= _SERVER_ERROR or s.has_free_usage_marker:
        return ""
    name = phrases.ALLOWANCE.found(s.answer_text, s.stems)
    return "" if name and phrases.SHORT_WINDOW.search(s.answer_text) else name


def _weak_words(s: Signals) -> str:
    if s.status in (400, _PAYMENT_REQUIRED, 403) or (s.is_plain_text and not s.status):
        return phrases.WEAK_MONEY.found(s.answer_text, s.stems)
    return ""


def weak(s: Signals) -> str:
    """Doubtful words about money, with nothing that speaks of a rate limit."""
    name = _weak_words(s)
    return "" if name and s.has_rate_limit_signal else name


def weak_beside_rate_limit(s: Signals) -> str:
    """The same words where a client error also speaks of a rate limit."""
    return _weak_words(s) if s.status in (400, 403) and s.has_rate_limit_signal else ""


def budget_that_frees_itself(s: Signals) -> str:
    """A 402 that says when to come back."""
    frees_itself = s.status == _PAYMENT_REQUIRED and s.has_retry_after and not s.has_free_usage_marker
    return "402 with retry-after" if frees_itself else ""


def bare_billing(s: Signals) -> str:
    """The mere words, where nothing else is known."""
    if not s.is_plain_text or s.status:
        return ""
    name = words.found(words.BARE_BILLING.words, s.own)
    return "" if name and s.has_rate_limit_signal else name
