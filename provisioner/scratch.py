"""This process's folder for temporary files: plans and values hold secrets, and must not outlive it for long.

A process that is killed cannot clean up, so the next one does. Whether the owner of a folder is still there
is told by a file lock: the kernel lets go of it however the owner ends.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import tempfile
import threading
from contextlib import suppress
from pathlib import Path

_PREFIX = "chattool-scratch-"
_LOCK_NAME = ".owned"


def scratch_folder() -> Path:
    """The folder, private, made on first use and removed when the process ends."""
    return _own.folder()


class _Scratch:
    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._folder: Path | None = None
        self._descriptor = -1

    def folder(self) -> Path:
        with self._lock:
            # Long-running machines clean their temporary files, also those in use.
            if self._folder is None or not self._folder.is_dir():
                _sweep()
                self._remove()
                self._folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
                self._descriptor = _own_lock(self._folder)
            return self._folder

    def _remove(self) -> None:
        if self._folder is None:
            atexit.register(self._remove)
            return
        shutil.rmtree(self._folder, ignore_errors=True)
        os.close(self._descriptor)
        self._folder = None


def _own_lock(folder: Path) -> int:
    # Locked before it gets its name: nobody may find it there unlocked.
    descriptor, name = tempfile.mkstemp(dir=folder)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    Path(name).rename(folder / _LOCK_NAME)
    return descriptor


def _sweep() -> None:
    """Remove the folders of processes that are gone."""
    for folder in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with suppress(OSError):
            descriptor = os.open(folder / _LOCK_NAME, os.O_RDWR | os.O_NOFOLLOW)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(folder, ignore_errors=True)
            finally:
                os.close(descriptor)


_own = _Scratch()
