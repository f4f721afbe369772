"""On which lines the keys of a TOML document stand; the parser does not say."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from provisioner.template_section import KeyPath

_PART = r"""(?:[A-Za-z0-9_-]+|"[^"]*"|'[^']*')"""
_NAME = rf"{_PART}(?:\s*\.\s*{_PART})*"
_HEADER = re.compile(rf"\s*(\[\[?)\s*({_NAME})\s*\]")
_KEY = re.compile(rf"\s*({_NAME})\s*=")
_LONG_QUOTES = re.compile(r'"""|' + "'''")


class TomlLines:
    """The lines of tables and keys. Keys inside inline tables count as the line of the table."""

    def __init__(self, text: str) -> None:
        self._lines: dict[KeyPath, int] = {}
        self._index(text)

    def line(self, path: KeyPath) -> int | None:
        """The line of ``path``, else of the nearest table around it."""
        while path:
            if line := self._lines.get(path):
                return line
            path = path[:-1]
        return None

    def _index(self, text: str) -> None:
        table: KeyPath = ()
        counts: dict[KeyPath, int] = {}
        quote = ""
        for number, line in enumerate(text.splitlines(), start=1):
            if not quote:
                if header := _HEADER.match(line):
                    table = _table(header[2], counts, is_list=header[1] == "[[")
                    self._lines.setdefault(table, number)
                elif key := _KEY.match(line):
                    self._lines.setdefault((*table, *_parts(key[1])), number)
            # Text between long quotes may look like keys.
            for mark in _LONG_QUOTES.findall(line):
                if not quote:
                    quote = mark
                elif quote == mark:
                    quote = ""


def _parts(name: str) -> list[str]:
    return [part.strip("\"'") for part in re.findall(_PART, name)]


def _table(name: str, counts: dict[KeyPath, int], *, is_list: bool) -> KeyPath:
    path: KeyPath = ()
    *parents, last = _parts(name)
    for part in parents:
        path = (*path, part)
        if path in counts:
            path = (*path, counts[path] - 1)
    path = (*path, last)
    if is_list:
        counts[path] = counts.get(path, 0) + 1
        path = (*path, counts[path] - 1)
    return path
