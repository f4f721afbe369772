"""Whether there is room on the disk, for errors that do not say so themselves."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

_LEAST_FREE_BYTES = 64 * 1024


def is_full(folder: Path) -> bool:
    """Whether nothing worth mentioning can be written below ``folder``."""
    try:
        return shutil.disk_usage(folder).free < _LEAST_FREE_BYTES
    except OSError:
        return False
