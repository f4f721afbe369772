"""The processes below the agent: none is lost, none is left behind."""

from __future__ import annotations

import contextlib
import os
import sys
from datetime import timedelta

EXIT_TIMEOUT = timedelta(seconds=5)
_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Become the parent of every descendant whose own parent ends (Linux)."""
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - needed nowhere else

        ctypes.CDLL(None).prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def collect_orphans() -> None:
    """Let ended orphans go. Not while a script runs: whoever started that waits for it."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG) != (0, 0):
            pass


def end_descendants() -> None:
    """Ask all descendants to end, and kill those that have not after five seconds."""
    import psutil  # noqa: PLC0415 - needed only at the end, and slow to import

    processes = psutil.Process().children(recursive=True)
    for process in processes:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(processes, EXIT_TIMEOUT.total_seconds())
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.Error):
            process.kill()
