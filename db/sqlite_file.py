"""The file of a SQLite database."""

from __future__ import annotations

import os
from contextlib import suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_private(path: Path) -> None:
    """Make the file readable by its owner alone, unless it exists; its state may hold secrets.

    SQLite gives what it puts beside the file the same mode. Where it cannot be made, SQLite will say why.
    """
    with suppress(OSError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
