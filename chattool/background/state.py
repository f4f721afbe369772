"""What an engine says about itself, and what others make of it."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


class Phase(StrEnum):
    """Where an engine stands between its start and its end."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class EngineState:
    """The content of ``engine.json``."""

    pid: int
    started_at: datetime
    version: str
    phase: Phase = Phase.STARTING
    url: str = ""
    """Where agents report; empty before there is such a place."""
    error: str = ""
    """Why it failed to start."""

    def write(self, path: Path) -> None:
        """Replace what ``path`` says; readers see all of it or nothing of it. Raises ``OSError``."""
        text = json.dumps(asdict(self) | {"started_at": self.started_at.isoformat()})
        draft = path.with_name(f"{path.name}.{self.pid}")
        try:
            draft.write_text(text + "\n", encoding="utf-8")
            draft.replace(path)
        except OSError:
            draft.unlink(missing_ok=True)
            raise


@dataclass(frozen=True, kw_only=True)
class EngineStatus:
    """The background engine of a state directory, as seen from outside."""

    running: bool
    log: Path
    phase: Phase | None = None
    """``None`` when it does not run, or has only just been started."""
    pid: int | None = None
    started_at: datetime | None = None
    version: str | None = None


def read_state(path: Path) -> EngineState | None:
    """What the living writer of ``path`` said; ``None`` when there is none."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        found = json.loads(path.read_text(encoding="utf-8"))
        state = EngineState(
            pid=int(found["pid"]),
            started_at=datetime.fromisoformat(found["started_at"]),
            version=str(found["version"]),
            phase=Phase(found["phase"]),
            url=str(found["url"]),
            error=str(found["error"]),
        )
        if state.phase is Phase.FAILED or _lives(state.pid):
            return state
    return None


def _lives(pid: int) -> bool:
    # The file of an engine that was killed stays until the next one is started.
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
