"""Reading and writing the workspace's files."""

from __future__ import annotations

import mimetypes
import os
import secrets
import stat
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.agent.answers import TEXT_BUDGET, CallProblem, cost, longest, shown
from chattool.agent.confinement import problem, regular_file

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import PurePosixPath

    from chattool.agent.confinement import Root

WHOLE_FILE_LIMIT_BYTES = 8 << 20
"""What is read at once, to be changed; longer files are read in parts."""
_SCAN_LIMIT_BYTES = 256 << 20
_LINE_LIMIT_BYTES = 64 << 10
_PROBE_BYTES = 8 << 10
_NEW_FILE_MODE = 0o666


def read_file(root: Root, path: str, *, offset: int, limit: int) -> dict[str, object]:
    """Up to ``limit`` lines from line ``offset``, as far as they fit into one answer.

    Raises:
        CallProblem: there is no such text file in the workspace.
    """
    place = root.place(path)
    with root.folder(place.parent) as folder, regular_file(folder, place) as descriptor:
        size = os.fstat(descriptor).st_size
        with os.fdopen(os.dup(descriptor), "rb") as file:
            _require_text(file.read(_PROBE_BYTES), place, size)
            file.seek(0)
            reading = _Reading(max(offset, 1), limit)
            while reading.scanned < _SCAN_LIMIT_BYTES and (line := file.readline(_LINE_LIMIT_BYTES)):
                reading.add(line)
            complete = not file.read(1)
    answer: dict[str, object] = {"path": shown(str(place)), "bytes": size, "content": reading.content}
    if complete:
        answer["total_lines"] = reading.number
    if reading.taken:
        answer |= {"start_line": reading.first, "end_line": reading.first + reading.taken - 1}
        if reading.more or not complete:
            answer["next_offset"] = reading.first + reading.taken
    if reading.cut:
        answer["cut_lines"] = True
    if "\ufffd" in reading.content and reading.invalid:
        answer["invalid_utf8"] = True
    return answer


class _Reading:
    """Takes the wanted lines of a file that goes by, and counts all of them."""

    def __init__(self, first: int, limit: int) -> None:
        self.first = first
        self.number = 0
        self.taken = 0
        self.scanned = 0
        self.more = False
        self.cut = False
        self.invalid = False
        self._limit = limit
        self._room = TEXT_BUDGET
        self._parts: list[str] = []
        self._inside_line = False

    @property
    def content(self) -> str:
        return "".join(self._parts)

    def add(self, line: bytes) -> None:
        """A line, or a part of a very long one."""
        self.scanned += len(line)
        continued, self._inside_line = self._inside_line, not line.endswith(b"\n")
        if continued:
            if self.taken and not self.more and self.number == self.first + self.taken - 1:
                self.cut = True
            return
        self.number += 1
        if self.number < self.first:
            return
        if self.more or self.taken >= self._limit:
            self.more = True
            return
        text = line.decode(errors="replace")
        if cost(text) > self._room:
            if self.taken:
                self.more = True
                return
            text = text[: longest(len(text), lambda size: cost(text[:size]) <= self._room)]
            self.cut = True
        self.invalid = self.invalid or text.encode() != line[: len(text.encode())]
        self._room -= cost(text)
        self._parts.append(text)
        self.taken += 1


def _require_text(probe: bytes, place: PurePosixPath, size: int) -> None:
    if b"\0" in probe:
        kind = mimetypes.guess_type(place.name)[0] or "of an unknown type"
        raise CallProblem(
            "BINARY_FILE",
            f"{shown(str(place))} is a binary file ({kind}, {size:,} bytes); inspect it with execute",
        )


def read_whole(root: Root, path: str) -> tuple[PurePosixPath, str]:
    """A text file to be changed; bytes that are no UTF-8 survive a round trip.

    Raises:
        CallProblem: there is no such text file in the workspace, or it is too long.
    """
    place = root.place(path)
    with root.folder(place.parent) as folder, regular_file(folder, place) as descriptor:
        size = os.fstat(descriptor).st_size
        if size > WHOLE_FILE_LIMIT_BYTES:
            raise CallProblem(
                "FILE_TOO_LARGE",
                f"{shown(str(place))} has {size:,} bytes; files above {WHOLE_FILE_LIMIT_BYTES:,} bytes "
                "are changed with execute",
            )
        with os.fdopen(os.dup(descriptor), "rb") as file:
            data = file.read(WHOLE_FILE_LIMIT_BYTES + 1)
    _require_text(data, place, size)
    return place, data.decode(errors="surrogateescape")


def write_file(root: Root, path: str, content: str) -> dict[str, object]:
    """Replace the file by one with this content, or make it and the folders on the way.

    Raises:
        CallProblem: it cannot be written; what was there is unchanged.
    """
    place = root.place(path)
    if not place.name:
        raise CallProblem("IS_DIRECTORY", "this is the workspace's directory; name a file in it")
    try:
        data = content.encode()
    except UnicodeEncodeError as error:
        raise CallProblem("INVALID_TEXT", "content has characters that are no text") from error
    with staged(root, place, data, create=True) as file:
        file.commit()
    return {"path": shown(str(place)), "bytes": len(data), "created": not file.existed}


@dataclass(kw_only=True)
class StagedFile:
    """New content beside the file that it is to replace."""

    place: PurePosixPath
    existed: bool
    _folder: int
    _temporary: str

    def commit(self) -> None:
        """Put it in place, in one step.

        Raises:
            CallProblem: that is refused; the old file is still there.
        """
        try:
            os.replace(self._temporary, self.place.name, src_dir_fd=self._folder, dst_dir_fd=self._folder)
        except OSError as error:
            raise problem(error, self.place) from error


@contextmanager
def staged(root: Root, place: PurePosixPath, data: bytes, *, create: bool = False) -> Iterator[StagedFile]:
    """The data on disk, with the mode of the file that it may replace; gone at the end if not committed.

    Raises:
        CallProblem: it cannot be written there.
    """
    with root.folder(place.parent, create=create) as folder:
        old = _old_mode(folder, place)
        temporary = f".{place.name[:100]}.{secrets.token_hex(4)}.tmp"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            try:
                descriptor = os.open(temporary, flags, _NEW_FILE_MODE, dir_fd=folder)
                with os.fdopen(descriptor, "wb") as file:
                    if old is not None:
                        os.fchmod(descriptor, old)
                    file.write(data)
                    file.flush()
                    os.fsync(descriptor)
            except OSError as error:
                raise problem(error, place) from error
            yield StagedFile(place=place, existed=old is not None, _folder=folder, _temporary=temporary)
        finally:
            with suppress(OSError):
                os.unlink(temporary, dir_fd=folder)


def _old_mode(folder: int, place: PurePosixPath) -> int | None:
    try:
        mode = os.stat(place.name, dir_fd=folder, follow_symlinks=False).st_mode
    except FileNotFoundError:
        return None
    except OSError as error:
        raise problem(error, place) from error
    if stat.S_ISDIR(mode):
        raise CallProblem("IS_DIRECTORY", f"{shown(str(place))} is a directory")
    if not stat.S_ISREG(mode):
        raise CallProblem("NOT_A_FILE", f"{shown(str(place))} is no ordinary file, so it is not replaced")
    return stat.S_IMODE(mode)
