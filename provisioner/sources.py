"""Unpacked template archives, shared by the builds that use the same one."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner import archive
from provisioner.scratch import scratch_folder

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from db.ids import FileId

_KEPT = 16


def _is_gone(task: asyncio.Task[Path]) -> bool:
    """Whether somebody cleaned the folder of temporary files while we used it."""
    return task.done() and not task.cancelled() and task.exception() is None and not task.result().is_dir()


class Sources:
    """Folders of unpacked archives, the most recently used kept. Provisioners only read them."""

    def __init__(self) -> None:
        self._root = Path(tempfile.mkdtemp(prefix="templates-", dir=scratch_folder()))
        self._folders: OrderedDict[FileId, asyncio.Task[Path]] = OrderedDict()
        self._users: dict[FileId, int] = {}

    async def acquire(self, file_id: FileId, load: Callable[[FileId], Awaitable[bytes]]) -> Path:
        """The folder of an archive, unpacked on first use; give it back with ``release``.

        Raises:
            ArchiveInvalid: the archive is damaged, too large, or reaches outside its folder.
        """
        task = self._folders.get(file_id)
        if task is None or _is_gone(task):
            task = self._folders[file_id] = asyncio.ensure_future(self._unpack(file_id, load))
        self._folders.move_to_end(file_id)
        self._users[file_id] = self._users.get(file_id, 0) + 1
        try:
            return task.result() if task.done() else await asyncio.shield(task)
        except BaseException:
            self.release(file_id)
            if task.done():
                self._folders.pop(file_id, None)
            raise

    def release(self, file_id: FileId) -> None:
        """Say that the folder is no longer needed by one of its users."""
        self._users[file_id] -= 1
        for known in list(self._folders):
            if len(self._folders) <= _KEPT:
                break
            if not self._users.get(known):
                task = self._folders.pop(known)
                self._users.pop(known, None)
                if task.done() and not task.cancelled() and task.exception() is None:
                    shutil.rmtree(task.result(), ignore_errors=True)

    def close(self) -> None:
        """Remove all folders."""
        shutil.rmtree(self._root, ignore_errors=True)

    async def _unpack(self, file_id: FileId, load: Callable[[FileId], Awaitable[bytes]]) -> Path:
        data = await load(file_id)
        folder = self._root / str(file_id)
        try:
            folder.mkdir(parents=True)
            await asyncio.to_thread(archive.unpack, data, folder)
        except BaseException:
            shutil.rmtree(folder, ignore_errors=True)
            raise
        return folder
