"""Children start with default signals, whatever this process was started with.

``nohup``, ``&`` in a script and some CI systems start programs with SIGINT, SIGQUIT or SIGHUP ignored. What
is ignored stays so across exec, and a shell cannot even take it back: nothing below would hear an interrupt.
"""

from __future__ import annotations

import signal
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Python itself ignores SIGPIPE and SIGXFSZ; ``subprocess`` gives these two back to its children.
_PYTHONS_OWN = frozenset({signal.SIGPIPE, signal.SIGXFSZ})
_RESET = """
import os, signal, sys
for number in signal.valid_signals():
    if signal.getsignal(number) is signal.SIG_IGN:
        signal.signal(number, signal.SIG_DFL)
os.execvp(sys.argv[1], sys.argv[1:])
"""


def with_default_signals(command: Sequence[str]) -> tuple[str, ...]:
    """The command that starts ``command`` with no signal ignored; the same one where nothing is ignored.

    Taking signals back needs a process of one thread between us and the program, which costs some 10 ms, so
    it is done only where it changes anything.
    """
    if not any(
        signal.getsignal(number) is signal.SIG_IGN for number in signal.valid_signals() - _PYTHONS_OWN
    ):
        return tuple(command)
    return (sys.executable, "-I", "-S", "-c", _RESET, *command)
