"""The command line. Everything heavy is imported by the command that needs it, so that help is instant."""

from __future__ import annotations

import gc
import io
import os
import sys

__all__ = ["main"]

#: Objects made before garbage is looked for. Python's 700 would spend a fifth of a short command on looking
#: through what the imports made, none of which ever goes away.
_COLLECT_AFTER = 50_000


def main() -> int:
    """Run the command that this process was started with; its exit code.

    0: done. 1: a build or tool failed, or the thing asked for does not exist. 2: wrong usage.
    130: interrupted. 141: whoever read the answer has gone.
    """
    gc.set_threshold(_COLLECT_AFTER)
    from chattool.cli.app import run_command_line
    from chattool.cli.command import PIPE_CLOSED

    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal without our signs must not end the command
    exit_code = run_command_line(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        # Python tries once more at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return PIPE_CLOSED
    return exit_code
