"""Bodies of answers: received in any shape, read within limits, never trusted."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NamedTuple, TypeAlias, TypeGuard

RawBody: TypeAlias = Mapping[str, object] | str | bytes
Document: TypeAlias = Mapping[str, object]

#: What is longer is not read: the whole dump in bytes, and all strings of a parsed body together.
LIMIT = 65_536

_MOST_VALUES = 10_000
_MOST_OBJECTS_TRIED = 16
_HTML_STARTS = ("<!doctype", "<html", "<head", "<body", "<center", "<title", "<h1")
_PAGE = re.compile(r"<(?:!doctype html|html[ >])", re.IGNORECASE)
_decode = json.JSONDecoder().raw_decode


_NEVER_OBJECTS = (str, int, float, list, tuple, bytes)
_NO_HEADERS: Mapping[str, str] = {}


class Body(NamedTuple):
    """The body of an answer. At most one of ``document`` and ``text`` holds something."""

    # One is made for each error, and a named tuple is made three times as fast as a dataclass.
    document: Document | None = None
    """The parsed object."""
    text: str = ""
    """What could not be parsed; empty for HTML."""
    strings: tuple[str, ...] = ()
    """All string values of the parsed body, keys left out; or ``text`` alone."""
    parsed: bool = False
    html: bool = False
    status_code: int = 0
    """From the HTTP head at the beginning of a dump; 0 without one."""
    headers: Mapping[str, str] = _NO_HEADERS
    """From the same head, names in lower case."""


def is_object(value: object) -> TypeGuard[Document]:
    """Whether ``value`` is a JSON object, or something like it."""
    # The check against an abstract class is slow, and seldom needed.
    if type(value) is dict:
        return True
    return value is not None and not isinstance(value, _NEVER_OBJECTS) and isinstance(value, Mapping)


def read(raw: object) -> Body | None:
    """The body in ``raw``; ``None`` when there is none."""
    if raw is None:
        return None
    if is_object(raw):
        return Body(document=raw, strings=tuple(string_values(raw)), parsed=True) if raw else None
    if isinstance(raw, bytes | bytearray):
        if len(raw) > LIMIT:
            return Body()
        raw = raw.decode("utf-8", "replace")
    if not isinstance(raw, str) or not raw.strip():
        return None
    if _is_too_long(raw):
        return Body()
    return _read_dump(raw) if raw.startswith("HTTP/") else _read_text(raw, 0, {})


def _read_dump(dump: str) -> Body:
    ends = [(at, at + len(mark)) for mark in ("\r\n\r\n", "\n\n") if (at := dump.find(mark)) >= 0]
    head_end, start = min(ends, default=(len(dump), len(dump)))
    first, *lines = dump[:head_end].splitlines()
    _version, _, rest = first.partition(" ")
    status = rest[:3]
    pairs = (line.partition(":") for line in lines)
    headers = {name.strip().lower(): value.strip() for name, _, value in pairs}
    return _read_text(dump[start:], int(status) if is_status_text(status) else 0, headers)


def _read_text(text: str, status_code: int, headers: Mapping[str, str]) -> Body:
    text = text.strip("\ufeff \t\r\n")
    if text[:1] in ("{", "["):
        value = parsed(text)
        if value is not None:
            return Body(
                document=value if is_object(value) else None,
                strings=tuple(string_values(value)),
                parsed=True,
                status_code=status_code,
                headers=headers,
            )
    html = is_html(text)
    kept = "" if html else text
    return Body(
        text=kept, strings=(kept,) if kept else (), html=html, status_code=status_code, headers=headers
    )


def parsed(text: str) -> object:
    """The JSON value that is the whole of ``text``; ``None`` when there is none within the limits."""
    if _is_too_long(text):
        return None
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value


def embedded(text: str) -> tuple[Document, int] | None:
    """The JSON object that ``text`` is, or the first in it that looks like an error; and where it begins."""
    start = text.find("{")
    if start < 0 or _is_too_long(text):
        return None
    whole = not text[:start].strip()
    for _ in range(_MOST_OBJECTS_TRIED):
        try:
            value, end = _decode(text, start)
        except (ValueError, RecursionError):
            end = start + 1
        else:
            if looks_like_error(value) or (whole and not text[end:].strip()):
                return value, start
        whole = False
        start = text.find("{", end)
        if start < 0:
            break
    return None


def looks_like_error(document: Document) -> bool:
    """Whether an object that stands inside a text may be an error body."""
    return (
        "code" in document
        or "type" in document
        or value_of(document, "error") is not None
        or value_of(document, "message") is not None
    )


def value_of(document: Document, name: str) -> object:
    """The value under ``name``, whatever the case of the key; ``None`` without one."""
    found = document.get(name)
    if found is not None:
        return found
    for key in document:
        if len(key) == len(name) and key.lower() == name:
            return document[key]
    return None


def string_values(value: object) -> list[str]:
    """All strings in a parsed value in their order, keys left out, up to the limits."""
    strings: list[str] = []
    room, visits = LIMIT, _MOST_VALUES
    waiting = [value]
    while waiting and room > 0 and visits > 0:
        visits -= 1
        one = waiting.pop()
        if isinstance(one, str):
            if not is_html(one):
                strings.append(one[:room])
                room -= len(one)
        elif is_object(one):
            waiting.extend(reversed(list(one.values())[:visits]))
        elif isinstance(one, list | tuple):
            waiting.extend(reversed(one[:visits]))
    return strings


def is_html(text: str) -> bool:
    """Whether ``text`` is a page, which nobody is ever shown."""
    start = text[:64]
    return "<" in start and start.lstrip().lower().startswith(_HTML_STARTS)


def without_page(text: str) -> str:
    """``text`` up to a page that it quotes: pages mention much that is not meant."""
    if "<" not in text:
        return text
    page = _PAGE.search(text)
    return text if page is None else text[: page.start()].rstrip(" \t\r\n'\"{[(:")


def is_status_text(text: str) -> bool:
    """Whether ``text`` is the number of an HTTP error."""
    return len(text) == 3 and text.isascii() and text.isdigit() and text[0] in "45"


def _is_too_long(text: str) -> bool:
    if len(text) * 4 <= LIMIT or (text.isascii() and len(text) <= LIMIT):
        return False
    return len(text) > LIMIT or len(text.encode("utf-8", "surrogatepass")) > LIMIT
