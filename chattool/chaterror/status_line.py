"""Texts that only repeat the status line of the answer; beside a real status they are no evidence."""

from __future__ import annotations

import re
from http import HTTPStatus

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
_PATTERNS = tuple(re.compile(form) for form in (_PLAIN, _HTTPX, _BOTOCORE))
_LONGEST = 2400


def is_status_line(lowered: str) -> bool:
    """Whether a text in lower case, with single spaces, says no more than its status does."""
    if lowered in _PHRASES:
        return True
    if len(lowered) > _LONGEST:
        return False
    for pattern in _PATTERNS:
        match = pattern.fullmatch(lowered)
        if match is not None and (not match[1] or match[1] in _PHRASES):
            return True
    return False
