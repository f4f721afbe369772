"""Phases of a call as rising numbers, for hosts that show progress."""

from __future__ import annotations

import logging
from enum import IntEnum
from typing import TYPE_CHECKING

from chattool import build_state
from chattool.errors import UnexpectedJobStatus
from db.states import JobStatus

if TYPE_CHECKING:
    from chattool.backend import Build
    from chattool.context import Progress
    from db.ids import BuildId

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 200


class Phase(IntEnum):
    """The phases of a call, in their order."""

    PENDING = 1
    SETTING_UP = 2
    PLANNING = 3
    COMMITTING_QUOTA = 4
    APPLYING = 5
    CLEANING_UP = 6
    CONNECTING = 7
    STARTUP = 8


_TOTAL = len(Phase) + 1

_STAGES = {
    "Setting up": Phase.SETTING_UP,
    "Planning infrastructure": Phase.PLANNING,
    "Commit quota": Phase.COMMITTING_QUOTA,
    "Starting workspace": Phase.APPLYING,
    "Stopping workspace": Phase.APPLYING,
    "Destroying workspace": Phase.APPLYING,
    "Cleaning up": Phase.CLEANING_UP,
}


class PhaseProgress:
    """Reports each phase once, and further notices inside a phase below the next one's value."""

    def __init__(self, report: Progress | None) -> None:
        self._report = report
        self._build_id: BuildId | None = None
        self._offset = 0
        self._phase: Phase | None = None
        self._notices = 0

    async def build(self, build: Build) -> None:
        """Report where the build stands."""
        if self._build_id not in (None, build.id):
            self._offset += _TOTAL
            self._phase = None
        self._build_id = build.id
        try:
            status = build_state.job_status(build.job)
        except UnexpectedJobStatus:
            return
        if status is JobStatus.PENDING:
            await self.phase(Phase.PENDING, _queue_text(build))
        elif status.active and (phase := _STAGES.get(build.job.stage)):
            await self.phase(phase, build.job.stage)

    async def phase(self, phase: Phase, message: str) -> None:
        """Report that ``phase`` was entered, or something new inside it."""
        if self._report is None or (self._phase is not None and phase < self._phase):
            return
        self._notices = self._notices + 1 if phase is self._phase else 0
        self._phase = phase
        value = self._offset + phase + self._notices / (self._notices + 10)
        try:
            await self._report(value, self._offset + _TOTAL, message[:_LONGEST_MESSAGE])
        except Exception:
            log.exception("a progress report failed", extra={"action": "progress"})


def _queue_text(build: Build) -> str:
    job = build.job
    if not job.queue_position:
        return "pending"
    return f"pending: {job.queue_position} of {job.queue_size} in the queue"
