"""How long a provider asks to wait, and when a used-up allowance renews."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from chattool.chaterror import clock, moments
from chattool.chaterror.kinds import Kind

if TYPE_CHECKING:
    from chattool.chaterror.body import Document
    from chattool.chaterror.signals import Signals

_ZERO = timedelta()
_WAIT = re.compile(
    r"(?:try again in|retry after|retry in|wait)(?: for| about| at least|:)? {0,2}(?=[0-9])", re.IGNORECASE
)
_MOST_WAITS = 20
_REGAIN = re.compile(
    r"regain access on ([0-9]{4}-[0-9]{2}-[0-9]{2}) at ([0-9]{2}:[0-9]{2}) UTC", re.IGNORECASE
)
_RESETS_AT = re.compile(
    r"resets at ([0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:.]{5,20}(?:Z|[+-][0-9]{2}:[0-9]{2}))", re.IGNORECASE
)
_REPLENISHED = re.compile(
    r"replenished in (?:([0-9]{1,4})\.)?([0-9]{1,3}):([0-9]{2}):([0-9]{2})", re.IGNORECASE
)
_CHINESE_RESET = re.compile(r"将在 ?([0-9]{4}-[0-9]{2}-[0-9]{2}) ([0-9]{2}:[0-9]{2}:[0-9]{2}) ?重置")
_RATE_LIMIT_RESET = re.compile(
    r"(?:x-ratelimit-reset-(?:requests|tokens)|anthropic-ratelimit-[a-z-]{1,60}-reset)"
)


def retry_after(signals: Signals, kind: Kind, now: datetime | None) -> timedelta:
    """The wait asked for: by headers, by the exception, by the body, or in words. Zero without one."""
    answer = signals.answer
    if answer is None:
        return _of_words(signals) or _ZERO
    return (
        (_of_headers(answer.headers, now or clock.now()) if answer.headers else None)
        or answer.retry_after
        or (_of_body(answer.error.error) if answer.error is not None else None)
        or _of_words(signals)
        or (_of_rate_limit_headers(answer.headers, now or clock.now()) if kind is Kind.RATE_LIMIT else None)
        or _ZERO
    )


def reset_at(signals: Signals, kind: Kind, delay: timedelta, now: datetime | None) -> datetime | None:
    """When the allowance renews, if that is known and still to come."""
    if kind is not Kind.QUOTA_EXHAUSTED and kind is not Kind.FREE_QUOTA_EXHAUSTED:
        return None
    now = now or clock.now()
    if kind is Kind.FREE_QUOTA_EXHAUSTED:
        return now + delay if delay else None
    stated = (*_of_error_object(signals, now), *_of_message(_words(signals), now))
    coming = (moment for moment in stated if moment is not None and moment > now)
    return next(coming, now + delay if delay else None)


def _of_headers(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    milliseconds = moments.decimal(headers.get("retry-after-ms", "").strip())
    if milliseconds is not None and (delay := moments.bounded(milliseconds / 1000)):
        return delay
    text = headers.get("retry-after", "").strip()
    seconds = moments.decimal(text)
    if seconds is not None:
        return moments.bounded(seconds)
    until = moments.http_date(text, now) if text else None
    if until is None:
        return None
    answered = moments.http_date(headers.get("date", "").strip(), now) or now
    return moments.bounded((until - answered).total_seconds())


def _of_body(error: Document) -> timedelta | None:
    details = error.get("details")
    for detail in details[:50] if isinstance(details, list) else ():
        stated = detail.get("retryDelay") if isinstance(detail, Mapping) else None
        if isinstance(stated, str) and (delay := moments.duration(stated.strip())):
            return delay
    return _seconds(error.get("resets_in_seconds"))


def _seconds(value: object) -> timedelta | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return moments.bounded(min(value, moments.LONGEST.total_seconds()))


def _words(signals: Signals) -> str:
    return signals.message or signals.text


def _of_words(signals: Signals) -> timedelta | None:
    words = _words(signals)
    if not ("ait" in words or "etry" in words or "ry again" in words):
        return None
    for count, match in enumerate(_WAIT.finditer(words)):
        if count >= _MOST_WAITS:
            break
        if delay := moments.duration(words[match.end() : match.end() + 80]):
            return delay
    return None


def _of_rate_limit_headers(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The longest wait among the limits of which nothing remains."""
    waits = []
    for name, value in headers.items():
        if not _RATE_LIMIT_RESET.fullmatch(name):
            continue
        remaining = headers.get(name.replace("-reset", "-remaining"), "").strip()
        if remaining != "0":
            continue
        until = moments.rfc3339(value.strip())
        wait = moments.bounded((until - now).total_seconds()) if until else moments.duration(value.strip())
        if wait:
            waits.append(wait)
    return max(waits, default=None)


def _of_error_object(signals: Signals, now: datetime) -> Iterator[datetime | None]:
    if signals.answer is None or signals.answer.error is None:
        return
    error = signals.answer.error.error
    yield moments.epoch_or_rfc3339(error.get("resets_at"))
    metadata = error.get("metadata")
    if isinstance(metadata, Mapping):
        yield moments.epoch_or_rfc3339(metadata.get("resets_at"))
    delay = _seconds(error.get("resets_in_seconds"))
    yield now + delay if delay else None


def _of_message(message: str, now: datetime) -> Iterator[datetime | None]:
    if match := _REGAIN.search(message):
        yield _moment(f"{match[1]}T{match[2]}:00+00:00")
    if match := _RESETS_AT.search(message):
        yield _moment(match[1])
    if match := _REPLENISHED.search(message):
        days, hours, minutes, seconds = (int(part or 0) for part in match.groups())
        yield now + timedelta(days=days, hours=hours, minutes=minutes, seconds=seconds)
    if match := _CHINESE_RESET.search(message):
        local = moments.rfc3339(f"{match[1]}T{match[2]}+08:00")
        yield local


def _moment(text: str) -> datetime | None:
    return moments.rfc3339(text.upper().replace("Z", "+00:00"))
