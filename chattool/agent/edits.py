"""Replacing exact texts in files: all of it, or nothing."""

from __future__ import annotations

import difflib
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.agent.answers import CallProblem, shown
from chattool.agent.files import read_whole, staged

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import PurePosixPath

    from chattool.agent.confinement import Root

_COMPARED_LINES = 5000
_QUOTED_CHARACTERS = 200
_NAMED_LINES = 10


@dataclass(frozen=True, kw_only=True)
class Edit:
    """``old`` occurs exactly once in the file at ``path``, or is replaced everywhere."""

    path: str
    old: str
    new: str
    replace_all: bool


def edit_files(root: Root, edits: Sequence[Edit]) -> dict[str, object]:
    """Make the edits in their order; a later one sees what earlier ones made of its file.

    Raises:
        CallProblem: one cannot be made; no file was changed.
    """
    texts: dict[PurePosixPath, str] = {}
    counts: dict[PurePosixPath, int] = {}
    originals: dict[PurePosixPath, str] = {}
    for number, edit in enumerate(edits, 1):
        label = f"edit {number} of {len(edits)}" if len(edits) > 1 else "the edit"
        place = root.place(edit.path)
        if place not in texts:
            try:
                place, texts[place] = read_whole(root, edit.path)
            except CallProblem as error:
                raise CallProblem(error.reason, f"{label}: {error}{_UNCHANGED}") from error
            originals[place] = texts[place]
        texts[place], count = _edited(texts[place], edit, f"{label}, {shown(str(place))}")
        counts[place] = counts.get(place, 0) + count
    _replace(root, texts, originals)
    files = [{"path": shown(str(place)), "replacements": count} for place, count in counts.items()]
    return {"files": files}


_UNCHANGED = ". No file was changed"


def _edited(text: str, edit: Edit, label: str) -> tuple[str, int]:
    if not edit.old:
        raise CallProblem("EMPTY_OLD", f"{label}: old is empty; to make a file use write_file{_UNCHANGED}")
    if edit.old == edit.new:
        raise CallProblem("NO_CHANGE", f"{label}: old and new are the same{_UNCHANGED}")
    count = text.count(edit.old)
    if count == 0:
        raise CallProblem("NOT_FOUND_IN_FILE", f"{label}: old was not found. {_nearest(text, edit.old)}")
    if count > 1 and not edit.replace_all:
        raise CallProblem(
            "FOUND_SEVERAL_TIMES",
            f"{label}: old was found {count} times, {_lines_of(text, edit.old)}; add lines around it so that "
            f"it is found once, or set replace_all{_UNCHANGED}",
        )
    return text.replace(edit.old, edit.new), count


def _lines_of(text: str, old: str) -> str:
    lines: list[str] = []
    start = text.find(old)
    while start >= 0 and len(lines) < _NAMED_LINES:
        lines.append(str(text.count("\n", 0, start) + 1))
        start = text.find(old, start + len(old))
    more = ", …" if start >= 0 else ""
    return f"at lines {', '.join(lines)}{more}"


def _nearest(text: str, old: str) -> str:
    """A sentence that shows what the caller may have meant."""
    if "\r\n" in text and "\r" not in old and text.replace("\r\n", "\n").count(old):
        return f"The file's lines end in \\r\\n, those of old in \\n{_UNCHANGED}"
    wanted = next((line for line in old.splitlines() if line.strip()), "")
    lines = text.splitlines()[:_COMPARED_LINES]
    stripped = [line.strip() for line in lines]
    number = _index(stripped, wanted.strip())
    if number is None:
        close = difflib.get_close_matches(wanted.strip()[:_QUOTED_CHARACTERS], stripped, n=1)
        number = _index(stripped, close[0]) if close else None
    if number is None:
        return f"No line is like its first; read the file again with read_file{_UNCHANGED}"
    line = shown(lines[number][:_QUOTED_CHARACTERS])
    same = " which differs from it in a later line or in blanks" if wanted.strip() == stripped[number] else ""
    return (
        f"Its first line is {shown(wanted[:_QUOTED_CHARACTERS])!r}; "
        f"the nearest is line {number + 1}: {line!r}{',' if same else ''}{same}{_UNCHANGED}"
    )


def _index(lines: Sequence[str], wanted: str) -> int | None:
    with suppress(ValueError):
        return lines.index(wanted) if wanted else None
    return None


def _replace(root: Root, texts: dict[PurePosixPath, str], originals: dict[PurePosixPath, str]) -> None:
    changed = {place: text for place, text in texts.items() if text != originals[place]}
    with ExitStack() as stack:
        files = [stack.enter_context(staged(root, place, _bytes(text))) for place, text in changed.items()]
        # Everything is on disk now; what is left can hardly fail, and is taken back if it does.
        backups = [stack.enter_context(staged(root, place, _bytes(originals[place]))) for place in changed]
        done = 0
        try:
            for file in files:
                file.commit()
                done += 1
        except CallProblem:
            for backup in backups[:done]:
                backup.commit()
            raise


def _bytes(text: str) -> bytes:
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError as error:
        raise CallProblem("INVALID_TEXT", f"new has characters that are no text{_UNCHANGED}") from error
