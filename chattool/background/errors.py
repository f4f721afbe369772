"""What can go wrong with the background engine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.errors import ChattoolError

if TYPE_CHECKING:
    from pathlib import Path


class EngineError(ChattoolError):
    """The background engine cannot be used."""

    code = "ENGINE_ERROR"


class HomeUnusable(EngineError):
    """The state directory cannot be made or written."""

    code = "HOME_UNUSABLE"


class EngineNotStarted(EngineError):
    """The engine ended before it was ready. ``last_lines`` are the end of its log."""

    code = "ENGINE_NOT_STARTED"

    def __init__(self, message: str, *, log: Path, last_lines: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.log = log
        self.last_lines = last_lines


class EngineBusy(EngineError):
    """The engine did not become ready, or did not end, in the time allowed; it may still do so."""

    code = "ENGINE_BUSY"
    retryable = True
