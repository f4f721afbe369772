"""READMEs as a model reads them: without what only a page needs."""

from __future__ import annotations

import re

_LONGEST_SOURCE = 64 * 1024

# No pattern can look far ahead from many places, so that no text makes them slow.
_FENCE = re.compile(r" {0,3}(`{3,}|~{3,})")
_HEADING = re.compile(r" {0,3}#{1,6}(?:[ \t]+|$)")
_UNDERLINE = re.compile(r" {0,3}(?:=+|-+)")
_IMAGE = re.compile(r"!\[[^\[\]]*\](?:\([^()]*\)|\[[^\[\]]*\])|<img\b[^<>]*>", re.IGNORECASE)
_EMPTY_LINK = re.compile(r"\[[ \t]*\]\([^()]*\)")
_INLINE_CODE = re.compile(r"(`[^`]+`)")


def shortened(text: str, limit: int) -> str:
    """At most ``limit`` characters of ``text``; a cut is marked."""
    return text if len(text) <= limit else text[: limit - 1].rstrip() + "…"


def cleaned(readme: str, limit: int) -> str:
    """At most ``limit`` characters, without front matter, heading marks, images and repeated blank lines.

    Code stays as it is.
    """
    lines: list[str] = []
    fence = ""
    for line in _without_front_matter(readme[:_LONGEST_SOURCE].splitlines()):
        mark = _FENCE.match(line)
        if fence:
            lines.append(line)
            if mark and mark[1].startswith(fence) and not line.strip(" \t`~"):
                fence = ""
        elif mark:
            lines.append(line)
            fence = mark[1]
        elif not _is_underline(line, lines):
            text = _plain(line)
            if text or (lines and lines[-1]):
                lines.append(text)
    return shortened("\n".join(lines).strip("\n"), limit)


def _without_front_matter(lines: list[str]) -> list[str]:
    if lines and lines[0].strip() == "---":
        for number, line in enumerate(lines[1:], start=1):
            if line.strip() in ("---", "..."):
                return lines[number + 1 :]
    return lines


def _is_underline(line: str, before: list[str]) -> bool:
    """Whether the line only marks the text above it as a heading."""
    return bool(before and before[-1] and _UNDERLINE.fullmatch(line.rstrip()))


def _plain(line: str) -> str:
    if heading := _HEADING.match(line):
        line = line[heading.end() :].rstrip()
        open_end = line.rstrip("#")
        line = open_end if open_end.endswith((" ", "\t")) or not open_end else line
    parts = _INLINE_CODE.split(line)
    # Every second part is code.
    parts[::2] = [_EMPTY_LINK.sub("", _IMAGE.sub("", part)) for part in parts[::2]]
    return "".join(parts).rstrip()
