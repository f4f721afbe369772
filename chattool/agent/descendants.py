"""The processes below the agent: none is lost, none is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from datetime import timedelta
from typing import TYPE_CHECKING

from db.clock import SystemClock, pause
from provisioner.child_signals import with_default_signals

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Callable, Mapping
    from pathlib import Path

    import psutil

EXIT_TIMEOUT = timedelta(seconds=5)
_AFTER_KILL = timedelta(seconds=5)
_LOOK_INTERVAL = timedelta(milliseconds=20)
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux)."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - needed nowhere else

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


class Children:
    """The processes that the agent started itself, told from the orphans that it was given."""

    def __init__(self) -> None:
        self._waited_for: set[int] = set()
        self._starting = 0

    async def start(
        self, *command: str, directory: Path, environment: Mapping[str, str], output: int
    ) -> Process:
        """A process that leads a session of its own and writes everything to ``output``.

        Raises:
            OSError: it cannot be started.
        """
        self._starting += 1
        try:
            process = await asyncio.create_subprocess_exec(
                *with_default_signals(command),
                cwd=directory,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,
            )
            self._waited_for.add(process.pid)
        finally:
            self._starting -= 1
        return process

    async def end(self, process: Process) -> int:
        """The exit code once the process has ended, a negative one when a signal ended it."""
        code = await process.wait()
        self._waited_for.discard(process.pid)
        return code

    def collect_orphans(self) -> None:
        """Let ended orphans go, and leave our own children to those who wait for them."""
        if self._starting or sys.platform != "linux":  # elsewhere orphans go to somebody else
            return
        with contextlib.suppress(ChildProcessError):
            while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                if ended.si_pid in self._waited_for:
                    return  # it hides those behind it until it is collected, which is about to happen
                os.waitpid(ended.si_pid, os.WNOHANG)


def end_descendants() -> None:
    """Ask all descendants of the agent to end, and kill those that have not after five seconds."""
    import psutil  # noqa: PLC0415 - slow to import, and an agent may never need it

    _end(lambda: psutil.Process().children(recursive=True), EXIT_TIMEOUT)


def end_marked(mark: str, leader: int | None, *, timeout: timedelta) -> None:
    """Ask the processes of a command to end, and kill those that have not after ``timeout``.

    They are those that have ``mark``, such as ``NAME=value``, in their environment, whoever their parent is
    by now, and the descendants of ``leader`` while that lives.
    """
    import psutil  # noqa: PLC0415

    def find() -> list[psutil.Process]:
        found = {process for process in psutil.process_iter() if _has(process, mark)}
        if leader is not None:
            with contextlib.suppress(psutil.Error):
                root = psutil.Process(leader)
                found |= {root, *root.children(recursive=True)}
        return list(found)

    _end(find, timeout)


def _end(find: Callable[[], list[psutil.Process]], timeout: timedelta) -> None:
    import psutil  # noqa: PLC0415

    clock = SystemClock()
    asked: set[psutil.Process] = set()
    deadline = clock.monotonic() + timeout
    while clock.monotonic() < deadline + _AFTER_KILL:
        # What was asked once may not be found any more when its parent has ended.
        left = {process for process in (*asked, *find()) if _lives(process)}
        if not left:
            return
        kills = clock.monotonic() >= deadline
        for process in left if kills else left - asked:
            with contextlib.suppress(psutil.Error):
                if kills:
                    process.kill()
                else:
                    process.terminate()
                    process.send_signal(signal.SIGCONT)  # a suspended process hears nothing else
        asked |= left
        pause(_LOOK_INTERVAL)


def _has(process: psutil.Process, mark: str) -> bool:
    import psutil  # noqa: PLC0415

    name, _, value = mark.partition("=")
    try:
        return process.environ().get(name) == value
    except (psutil.Error, OSError):
        return False


def _lives(process: psutil.Process) -> bool:
    import psutil  # noqa: PLC0415

    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False
