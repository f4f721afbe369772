"""The lock of a state directory: who holds it is the engine."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from typing import TYPE_CHECKING, Self

from chattool.background.errors import HomeUnusable

if TYPE_CHECKING:
    from pathlib import Path


class EngineLock:
    """The held lock. It belongs to an open file, so it can be handed to a child, and ends with its holders.

    The file is never removed or replaced: a lock on a file that has lost its name excludes nobody.
    """

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor

    @classmethod
    def acquire(cls, path: Path) -> Self | None:
        """The lock, or ``None`` when another process holds it.

        Raises:
            HomeUnusable: the file cannot be made or opened.
        """
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise HomeUnusable(f"cannot write {path}: {error.strerror}") from error
        if _locked(descriptor, fcntl.LOCK_EX):
            return cls(path, descriptor)
        os.close(descriptor)
        return None

    @classmethod
    def inherited(cls, path: Path, descriptor: int) -> Self:
        """The lock that the process which started this one has acquired for it."""
        # Workspaces outlive the engine: they must not hold its lock.
        os.set_inheritable(descriptor, False)  # noqa: FBT003 - positional only
        return cls(path, descriptor)

    def release(self) -> None:
        """Let go of it; a child that inherited it keeps it."""
        os.close(self.descriptor)

    def is_in_place(self) -> bool:
        """Whether the locked file is still the one at ``path``."""
        try:
            return os.path.samestat(self.path.stat(), os.fstat(self.descriptor))
        except OSError:
            return False

    def last_use(self) -> int:
        """Changes whenever somebody asks for the engine."""
        return os.fstat(self.descriptor).st_mtime_ns


def note_use(path: Path) -> None:
    """Keep the engine from leaving for one more idle time."""
    with suppress(OSError):
        os.utime(path)


def is_held(path: Path) -> bool:
    """Whether some process holds the lock."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    finally:
        os.close(descriptor)


def _locked(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
