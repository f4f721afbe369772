"""The engine's log file, kept from growing without end."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SIZE_LIMIT_BYTES = 1 << 20
_STDOUT, _STDERR = 1, 2


def rotate_if_large(path: Path) -> None:
    """Send this process's output to a new file when the one at ``path`` is too large; the old one is ``.1``.

    Works below Python, so that crash reports and children that inherited the output are not left behind.
    """
    with suppress(OSError):
        if path.stat().st_size <= SIZE_LIMIT_BYTES:
            return
        path.replace(path.with_name(f"{path.name}.1"))
        log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        os.dup2(log, _STDOUT)
        os.dup2(log, _STDERR)
        os.close(log)
