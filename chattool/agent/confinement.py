"""Paths that stay inside the workspace, whatever they are called and whatever links lie there."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import contextmanager, suppress
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from chattool.agent.answers import CallProblem, shown

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class Root:
    """The workspace's directory. Paths are relative to it, or absolute and inside it."""

    def __init__(self, directory: Path) -> None:
        self.directory = Path(os.path.realpath(directory))

    def place(self, path: str) -> PurePosixPath:
        """Where ``path`` is, relative to the workspace and with all links followed.

        Raises:
            CallProblem: it is outside, or no path.
        """
        if "\0" in path:
            raise CallProblem("INVALID_PATH", "a path cannot contain a NUL character")
        if path == "~" or path.startswith("~/"):
            raise CallProblem(
                "INVALID_PATH",
                f"{_echo(path)}: ~ stands for no directory here; use a path relative to {self.directory}",
            )
        try:
            real = Path(os.path.realpath(self.directory / path))
        except (OSError, ValueError) as error:
            raise CallProblem("INVALID_PATH", f"{_echo(path)} is no usable path: {error}") from error
        if not real.is_relative_to(self.directory):
            raise CallProblem(
                "OUTSIDE_WORKSPACE",
                f"{_echo(path)} is outside the workspace; use a path inside {self.directory}, "
                "or relative to it",
            )
        if _is_loop(real):
            raise CallProblem("INVALID_PATH", f"{_echo(path)} is or passes a link that leads to itself")
        return PurePosixPath(real.relative_to(self.directory))

    @contextmanager
    def folder(self, place: PurePosixPath, *, create: bool = False) -> Iterator[int]:
        """A descriptor of the folder, reached without following any link.

        ``place`` has been resolved, so a link on the way was put there since.

        Raises:
            CallProblem: it is not there, or no folder.
        """
        try:
            descriptor = os.open(self.directory, _FOLDER)
        except OSError as error:
            raise problem(error, PurePosixPath()) from error
        try:
            for part in place.parts:
                if create:
                    with suppress(FileExistsError):
                        os.mkdir(part, dir_fd=descriptor)
                inner = os.open(part, _FOLDER, dir_fd=descriptor)
                os.close(descriptor)
                descriptor = inner
        except OSError as error:
            os.close(descriptor)
            raise problem(error, place) from error
        try:
            yield descriptor
        finally:
            os.close(descriptor)


@contextmanager
def regular_file(folder: int, place: PurePosixPath) -> Iterator[int]:
    """A descriptor for reading the file ``place`` in its ``folder``.

    Raises:
        CallProblem: it is not there, or no ordinary file.
    """
    if not place.name:
        raise CallProblem("IS_DIRECTORY", "this is the workspace's directory; use list_files")
    try:
        # Not blocking, since opening a pipe would wait for a writer.
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(place.name, flags, dir_fd=folder)
    except OSError as error:
        raise problem(error, place) from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            raise CallProblem("IS_DIRECTORY", f"{shown(str(place))} is a directory; use list_files")
        if not stat.S_ISREG(mode):
            raise CallProblem("NOT_A_FILE", f"{shown(str(place))} is no ordinary file")
        yield descriptor
    finally:
        os.close(descriptor)


def problem(error: OSError, place: PurePosixPath) -> CallProblem:
    """What went wrong with a file, for a model."""
    name = shown(str(place))
    match error.errno:
        case errno.ENOENT:
            return CallProblem("NOT_FOUND", f"{name} does not exist; use list_files to see what does")
        case errno.ENOTDIR:
            return CallProblem("NOT_A_DIRECTORY", f"{name} is no directory, or a part of its path is none")
        case errno.ELOOP:
            return CallProblem("OUTSIDE_WORKSPACE", f"{name} became a link while it was opened; try again")
        case errno.EISDIR:
            return CallProblem("IS_DIRECTORY", f"{name} is a directory; use list_files")
        case _:
            return CallProblem("FILE_ERROR", f"{name}: {error.strerror or error}")


def _is_loop(real: Path) -> bool:
    # All links have been followed, except those without an end.
    try:
        real.stat()
    except OSError as error:
        return error.errno == errno.ELOOP
    return False


def _echo(path: str) -> str:
    return repr(shown(path if len(path) <= 200 else path[:200] + "…"))  # noqa: PLR2004
