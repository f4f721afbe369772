"""Starting an engine that outlives whoever asked for it."""

from __future__ import annotations

import asyncio
import os
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from chattool.background.errors import EngineNotStarted, HomeUnusable
from chattool.background.state import Phase, read_state
from db import disk

if TYPE_CHECKING:
    from chattool.background.lock import EngineLock
    from chattool.background.state_directory import StateDirectory

# The shell leaves at once, so the engine is nobody's child: no starter has to stay to collect it.
_DETACH = '"$@" &'
_LAST_LINES = 10
_TAIL_BYTES = 16 << 10


async def start(directory: StateDirectory, lock: EngineLock) -> None:
    """Start an engine and hand it the lock, so that nobody else starts one. Not waited for.

    Raises:
        HomeUnusable: its log cannot be written.
    """
    try:
        directory.state.unlink(missing_ok=True)
        log = os.open(directory.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise HomeUnusable(f"cannot write {error.filename}: {error.strerror}") from error
    # -P: a file in the state directory must not be taken for one of Python's modules.
    engine = (sys.executable, "-P", "-m", "chattool.background", "--home", str(directory.home))
    try:
        shell = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", _DETACH, "sh", *engine, "--lock-descriptor", str(lock.descriptor)),
            cwd=directory.home,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            pass_fds=(lock.descriptor,),
            start_new_session=True,
        )
        await shell.wait()
    finally:
        os.close(log)


def not_started(directory: StateDirectory) -> EngineNotStarted:
    """Why the engine that was started has ended again."""
    lines = _last_lines(directory)
    state = read_state(directory.state)
    reason = (lines or ("it ended at once",))[-1]
    if state is not None and state.phase is Phase.FAILED:
        reason = state.error
    elif disk.is_full(directory.home):
        reason = "the disk is full"  # so neither its state nor its log says so
    return EngineNotStarted(
        f"the background engine did not start: {reason} (log: {directory.log})",
        log=directory.log,
        last_lines=lines,
    )


def _last_lines(directory: StateDirectory) -> tuple[str, ...]:
    with suppress(OSError), directory.log.open("rb") as log:
        log.seek(max(0, directory.log.stat().st_size - _TAIL_BYTES))
        return tuple(log.read().decode(errors="replace").splitlines()[-_LAST_LINES:])
    return ()
