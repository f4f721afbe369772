"""A status that stands in a text; used only where no structured one exists."""

from __future__ import annotations

import re

_STATED = re.compile(r"(?:status(?:\s{1,8}code)?|http)\s{0,8}[:=]?\s{0,8}([0-9]{3})")
_FREE_STANDING = re.compile(r"\b(?:401|403|408|429|500|502|503|504|529)\b", re.ASCII)
_STREAM_NUMBER = re.compile(r"stream id[\s:=]{1,32}\Z")
_LOWEST, _HIGHEST = 400, 599


def from_text(lowered: str) -> int:
    """The HTTP status that a text in lower case speaks of, 400 to 599, else 0."""
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
