"""Pages of a log that a model can read in one piece."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.backend import LogLine

#: How many lines to ask for; one more than a page has tells whether there are more.
FETCHED_LINES = 401
_PAGE_LINES = 400
_PAGE_BYTES = 40_000
_KEYS_BYTES = 60
_LINE_CHARACTERS = 4000


@dataclass(frozen=True, kw_only=True)
class LogPage:
    """Lines for one answer. ``next_after_id`` is set when there are more."""

    lines: Sequence[LogLine]
    next_after_id: int | None

    @property
    def has_more(self) -> bool:
        return self.next_after_id is not None


def log_page(fetched: Sequence[LogLine]) -> LogPage:
    """As many of the lines as fit, at least one if there are any; a very long line is cut with a mark."""
    lines: list[LogLine] = []
    room = _PAGE_BYTES
    for line in fetched[:_PAGE_LINES]:
        shown = replace(line, output=_cut(line.output))
        room -= _json_bytes(shown)
        if room < 0 and lines:
            break
        lines.append(shown)
    return LogPage(lines=lines, next_after_id=lines[-1].id if len(lines) < len(fetched) else None)


def _json_bytes(line: LogLine) -> int:
    # Control characters take six characters of JSON, and a terminal's output is full of them.
    return (
        len(json.dumps([line.stage, line.output], ensure_ascii=False).encode("utf-8", "replace"))
        + _KEYS_BYTES
    )


def _cut(output: str) -> str:
    if len(output) <= _LINE_CHARACTERS:
        return output
    return f"{output[:_LINE_CHARACTERS]}… ({len(output) - _LINE_CHARACTERS} more characters)"
