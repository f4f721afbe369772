"""What files there are in the workspace."""

from __future__ import annotations

import os
import stat
from collections import deque
from typing import TYPE_CHECKING

from chattool.agent.answers import TEXT_BUDGET, CallProblem, cost, shown
from chattool.agent.confinement import problem

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import PurePosixPath

    from chattool.agent.confinement import Root

ENTRIES_LIMIT = 400
_SCANNED_LIMIT = 20_000
_ENTRY_COST = 50
"""What an entry takes beside its path."""


def list_files(root: Root, path: str, *, depth: int, hidden: bool) -> dict[str, object]:
    """Files and folders, those nearest to ``path`` first served, sorted by path. Links are not followed.

    Raises:
        CallProblem: there is no such folder in the workspace.
    """
    start = root.place(path)
    walk = _Walk(root, hidden=hidden)
    walk.enter(start, depth, required=True)
    walk.run()
    entries = sorted(walk.entries, key=lambda entry: str(entry["path"]).split("/"))
    answer: dict[str, object] = {"path": shown(str(start)), "entries": entries}
    if walk.has_more:
        answer["has_more"] = True
    return answer


class _Walk:
    def __init__(self, root: Root, *, hidden: bool) -> None:
        self._root = root
        self._hidden = hidden
        self._folders: deque[tuple[PurePosixPath, int]] = deque()
        self._room = TEXT_BUDGET
        self._scanned = 0
        self.entries: list[dict[str, object]] = []
        self.has_more = False

    def run(self) -> None:
        while self._folders and not self.has_more:
            place, depth = self._folders.popleft()
            self.enter(place, depth, required=False)

    def enter(self, place: PurePosixPath, depth: int, *, required: bool) -> None:
        """Note what is in a folder, and its folders for later."""
        try:
            with self._root.folder(place) as folder, os.scandir(folder) as found:
                names = self._names(found)
                for name in sorted(names):
                    self._note(folder, place / name, depth)
        except CallProblem:
            if required:
                raise  # others may have gone, or may not be read

    def _names(self, found: Iterable[os.DirEntry[str]]) -> list[str]:
        names = []
        for entry in found:
            self._scanned += 1
            if self._scanned > _SCANNED_LIMIT:
                self.has_more = True
                break
            if self._hidden or not entry.name.startswith("."):
                names.append(entry.name)
        return names

    def _note(self, folder: int, place: PurePosixPath, depth: int) -> None:
        try:
            found = os.stat(place.name, dir_fd=folder, follow_symlinks=False)
        except FileNotFoundError:
            return
        except OSError as error:
            raise problem(error, place) from error
        entry: dict[str, object] = {"path": shown(str(place)), "type": _kind(found.st_mode)}
        if stat.S_ISREG(found.st_mode):
            entry["bytes"] = found.st_size
        self._room -= cost(str(entry["path"])) + _ENTRY_COST
        if self._room < 0 or len(self.entries) >= ENTRIES_LIMIT:
            self.has_more = True
            return
        self.entries.append(entry)
        if stat.S_ISDIR(found.st_mode) and depth > 1:
            self._folders.append((place, depth - 1))


def _kind(mode: int) -> str:
    if stat.S_ISREG(mode):
        return "file"
    if stat.S_ISDIR(mode):
        return "directory"
    return "symlink" if stat.S_ISLNK(mode) else "other"
