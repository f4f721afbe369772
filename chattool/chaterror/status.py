"""Statuses that stand in a text: the only one that is known, or a repetition of the answer's own."""

from __future__ import annotations

import re
from http import HTTPStatus

_STATED = re.compile(r"(?:status(?:\s{1,8}code)?|http)\s{0,8}[:=]?\s{0,8}([0-9]{3})")
_FREE_STANDING = re.compile(r"\b(?:401|403|408|429|500|502|503|504|529)\b", re.ASCII)
_STREAM_NUMBER = re.compile(r"stream id[\s:=]{1,32}\Z")
_LOWEST, _HIGHEST = 400, 599

_PHRASES = frozenset(status.phrase.lower() for status in HTTPStatus)
_PHRASE = "([a-z '-]{0,40}?)"
# "402 Payment Required", "Error code: 402", "HTTP 402: ..."; and aiohttp's form with message and URL.
_PLAIN = (
    r"(?:error code: |http (?:status )?|status(?: code)?:? |error )?[45][0-9][0-9]"
    rf"(?: -|:|,)?(?: message=)? ?'?{_PHRASE}'?(?:, url='[^']{{0,2000}}')?"
)
_HTTPX = (
    rf"(?:client|server) error '[45][0-9][0-9] {_PHRASE}' for url '[^']{{0,2000}}'"
    r"(?: for more information check: [^ ]{0,200})?"
)
_BOTOCORE = (
    r"an error occurred \([45][0-9][0-9]\) when calling the [a-z]{1,60} operation"
    rf"(?: \(reached max retries: [0-9]{{1,3}}\))?: {_PHRASE}"
)
_STATUS_LINES = tuple(re.compile(form) for form in (_PLAIN, _HTTPX, _BOTOCORE))
_LONGEST_LINE = 2400


def from_text(lowered: str) -> int:
    """The HTTP status that a text in lower case speaks of, 400 to 599, else 0.

    Asked only where no structured one exists.
    """
    stated = _STATED.search(lowered) if "status" in lowered or "http" in lowered else None
    if stated is not None:
        number = int(stated[1])
        return number if _LOWEST <= number <= _HIGHEST else 0
    if _FREE_STANDING.search(lowered) is None:
        return 0
    for match in _FREE_STANDING.finditer(lowered):
        start = match.start()
        is_port = lowered[start - 1 : start] == ":"
        if not is_port and not _STREAM_NUMBER.search(lowered, max(0, start - 48), start):
            return int(match[0])
    return 0


def is_status_line(lowered: str) -> bool:
    """Whether a text in lower case, with single spaces, only repeats the answer's status line.

    Beside a real status such a text is no evidence.
    """
    if lowered in _PHRASES:
        return True
    if len(lowered) > _LONGEST_LINE:
        return False
    for pattern in _STATUS_LINES:
        match = pattern.fullmatch(lowered)
        if match is not None and (not match[1] or match[1] in _PHRASES):
            return True
    return False
