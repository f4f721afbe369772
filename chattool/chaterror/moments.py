"""Durations and moments in the many ways in which providers write them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

#: What is longer counts as this long.
LONGEST = timedelta(days=365)

_DECIMAL = re.compile(r"[0-9]{1,400}(?:\.[0-9]{0,400})?|\.[0-9]{1,400}")
_SIGNED = re.compile(rf"[+-]?(?:{_DECIMAL.pattern})")
_UNIT_SECONDS = {
    "ms": 0.001,
    "millisecond": 0.001,
    "s": 1.0,
    "sec": 1.0,
    "second": 1.0,
    "m": 60.0,
    "min": 60.0,
    "minute": 60.0,
    "h": 3600.0,
    "hr": 3600.0,
    "hour": 3600.0,
    "d": 86_400.0,
    "day": 86_400.0,
}
_PART = re.compile(
    r"([0-9]{1,12}(?:\.[0-9]{1,12})?) ?"
    r"(milliseconds?|ms|seconds?|secs?|s|minutes?|mins?|m|hours?|hrs?|h|days?|d)(?![a-z])",
    re.IGNORECASE,
)
_MOST_PARTS = 4
_MONTHS = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_TIME = "(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
_HTTP_DATES = tuple(
    re.compile(form, re.IGNORECASE)
    for form in (
        rf"[a-z]{{3}}, (?P<day>[0-9]{{2}}) (?P<month>[a-z]{{3}}) (?P<year>[0-9]{{4}}) {_TIME} GMT",
        rf"[a-z]{{6,9}}, (?P<day>[0-9]{{2}})-(?P<month>[a-z]{{3}})-(?P<year>[0-9]{{2}}) {_TIME} GMT",
        rf"[a-z]{{3}} (?P<month>[a-z]{{3}}) (?P<day>[0-9 ][0-9]) {_TIME} (?P<year>[0-9]{{4}})",
    )
)
_MILLISECONDS_FROM = 10**12


def bounded(seconds: float) -> timedelta | None:
    """So many seconds, a year at most; ``None`` unless positive."""
    if not seconds > 0:
        return None
    return LONGEST if seconds >= LONGEST.total_seconds() else timedelta(seconds=seconds) or None


def decimal(text: str) -> float | None:
    """The decimal number that ``text`` is, with its sign; ``None`` when it is none."""
    return float(text) if _SIGNED.fullmatch(text) else None


def duration(text: str) -> timedelta | None:
    """The positive duration at the beginning of ``text``, like ``1.98s``, ``6m0s`` or ``2hr 30min``."""
    seconds, at = 0.0, 0
    for _ in range(_MOST_PARTS):
        match = _PART.match(text, at)
        # Parts follow each other: "6m0s", or with one blank.
        if match is None:
            break
        seconds += float(match[1]) * _UNIT_SECONDS[_singular(match[2].lower())]
        at = match.end() + (text[match.end() : match.end() + 1] == " ")
    return bounded(seconds)


def _singular(unit: str) -> str:
    return unit if unit in _UNIT_SECONDS else unit.removesuffix("s")


def http_date(text: str, now: datetime) -> datetime | None:
    """The moment that an HTTP date of any of the three forms means; ``None`` when it is none."""
    for form in _HTTP_DATES:
        match = form.fullmatch(text)
        if match is None:
            continue
        year = int(match["year"])
        if len(match["year"]) == 2:  # two digits: at most fifty years ahead
            year += now.year - now.year % 100
            year -= 100 if year > now.year + 50 else 0
        hour, minute, second = (int(part) for part in match["time"].split(":"))
        try:
            month = _MONTHS[match["month"].lower()]
            return datetime(year, month, int(match["day"]), hour, minute, second, tzinfo=UTC)
        except (KeyError, ValueError):
            return None
    return None


def rfc3339(text: str) -> datetime | None:
    """The moment in UTC; ``None`` when ``text`` is no timestamp with an offset."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def epoch_or_rfc3339(value: object) -> datetime | None:
    """The moment in seconds or milliseconds since 1970, or as a timestamp."""
    if isinstance(value, str):
        number = decimal(value.strip())
        if number is None:
            return rfc3339(value.strip())
        value = number
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        return datetime.fromtimestamp(value / 1000 if value >= _MILLISECONDS_FROM else value, UTC)
    except (ValueError, OverflowError, OSError):
        return None
