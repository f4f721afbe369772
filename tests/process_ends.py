"""Waiting for the end of processes that are not ours to collect."""

import psutil

GUARD_SECONDS = 20
WITHOUT_SIGNALS = ("/bin/sh", "-c", "trap '' HUP INT QUIT; exec \"$@\"", "sh")
"""Starts a program as nohup, or `&` in a script, does: deaf to these signals."""


def is_gone(pid: int) -> bool:
    """Whether the process ends within the guard's time; one that only waits to be collected has ended."""
    try:
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE:
            process.wait(GUARD_SECONDS)
    except psutil.NoSuchProcess:
        return True
    except psutil.TimeoutExpired:
        return False
    return True
