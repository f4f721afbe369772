"""The envelope: a tool's answer as a model reads it, whichever host carries it.

It is the tool's own JSON object behind ``ok``; a text error becomes an ``error`` of one sentence. An answer
that is too long for a model is made shorter, and says so.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from chattool.results import ToolResponse

#: In bytes of UTF-8. A token is at least one byte, so this bounds the tokens whatever a build prints.
LONGEST_TEXT = 24_000

_LOG_LINES = "last_log_lines"
_LEFT_ALONE = 200
_CUT = "… (cut)"

Container = Any  # an object or a list of a JSON document, which knows no narrower type


@dataclass(frozen=True, kw_only=True)
class Envelope:
    """``text`` is the compact JSON of ``document``; ``ok`` is its first key."""

    document: Mapping[str, object]
    text: str

    @property
    def ok(self) -> bool:
        """Whether the call did what it was for; hosts set their error mark when it did not."""
        return self.document["ok"] is True


def enveloped(
    response: ToolResponse, *, chat_id: str | None = None, longest_text: int = LONGEST_TEXT
) -> Envelope:
    """The answer for a model, at most ``longest_text`` bytes long.

    To make it fit, log lines are dropped first, oldest first; then long texts are cut, with a mark; then long
    lists lose their ends, and ``shortened`` says so. ``chat_id`` is for hosts that have to be told the chat.
    """
    chat = {} if chat_id is None else {"chat_id": chat_id}
    # Half a surrogate pair, cut out of somebody's output, would break whoever writes this as UTF-8.
    encoded = _text({"ok": response.ok, **chat, **response.data}).encode("utf-8", "replace")
    document = json.loads(encoded)
    if len(encoded) > longest_text:
        _shorten(document, longest_text)
    return Envelope(document=document, text=_text(document))


def _text(document: object) -> str:
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


def _size(document: object) -> int:
    return len(_text(document).encode())


def _shorten(document: dict[str, Any], limit: int) -> None:
    steps: tuple[Callable[[dict[str, Any]], bool], ...] = (_drop_log_line, _cut_text, _cut_list)
    for step in steps:
        while _size(document) > limit:
            if not step(document):
                break


def _drop_log_line(document: dict[str, Any]) -> bool:
    """Drop the oldest log line; whether there was one."""
    lines = document.get(_LOG_LINES)
    if not lines:
        return False
    lines.pop(0)
    if not lines:
        del document[_LOG_LINES]
    return True


def _cut_text(document: dict[str, Any]) -> bool:
    """Cut the longest text by a quarter; whether one was long enough for that."""
    place = max(_places(document, str), key=_length, default=None)
    if place is None or _length(place) <= _LEFT_ALONE:
        return False
    container, key = place
    text = container[key].removesuffix(_CUT)
    container[key] = text[: len(text) * 3 // 4] + _CUT
    return True


def _cut_list(document: dict[str, Any]) -> bool:
    """Leave out the last quarter of the longest list; whether there was one."""
    place = max(_places(document, list), key=_length, default=None)
    if place is None or not _length(place):
        return False
    container, key = place
    del container[key][_length(place) * 3 // 4 :]
    document["shortened"] = True
    return True


def _length(place: tuple[Container, str | int]) -> int:
    container, key = place
    return len(container[key])


def _places(value: object, kind: type) -> Iterator[tuple[Container, str | int]]:
    """Where values of this kind are, as containers with keys."""
    match value:
        case dict():
            entries: list[tuple[str | int, object]] = list(value.items())
        case list():
            entries = list(enumerate(value))
        case _:
            return
    for key, entry in entries:
        if isinstance(entry, kind):
            yield value, key
        yield from _places(entry, kind)
