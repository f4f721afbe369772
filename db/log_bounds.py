"""The bounds of a line and of a whole log: of builds, of imports and of agents alike."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

LINE_LIMIT_BYTES = 64 * 1024
LOG_LIMIT_BYTES = 1024 * 1024
LEAST_SIZE_BYTES = 32
"""What a shorter line counts, since an empty one costs as much to keep: it bounds the number of lines."""


def size(output: str) -> int:
    """What a line counts against ``LOG_LIMIT_BYTES``."""
    return max(len(output.encode()), LEAST_SIZE_BYTES)


def bounded(output: str) -> str:
    """The output as it is stored: no NUL, no lone surrogates, at most ``LINE_LIMIT_BYTES``."""
    data = output.replace("\0", "\ufffd").encode("utf-8", "replace")
    if len(data) <= LINE_LIMIT_BYTES:
        return data.decode()
    dropped = len(data) - LINE_LIMIT_BYTES
    return data[:LINE_LIMIT_BYTES].decode("utf-8", "ignore") + f"… [{dropped} bytes dropped]"


def fitting(outputs: Sequence[str], *, stored_bytes: int) -> tuple[int, bool]:
    """How many lines have room beside what is stored, and whether the next is the first that has none."""
    room = LOG_LIMIT_BYTES - stored_bytes
    for place, output in enumerate(outputs):
        if size(output) > room:
            return place, room >= 0
        room -= size(output)
    return len(outputs), False
