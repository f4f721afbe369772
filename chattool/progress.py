"""Phases of a call as rising numbers, for hosts that show progress.

Nothing is said only here: the last report may be lost, and many hosts show none.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from chattool import build_state
from chattool.errors import UnexpectedJobStatus
from db.errors import ChattoolError
from db.states import JobStatus

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Coroutine

    from chattool.backend import Build, WorkspaceBackend
    from chattool.context import Progress
    from db.clock import Clock
    from db.ids import BuildId

log = logging.getLogger(__name__)

_LONGEST_MESSAGE = 200
_SHORTEST_INTERVAL = timedelta(milliseconds=250)
_BACKUP_POLL = timedelta(seconds=5)
_LONGEST_SILENCE = timedelta(seconds=10)


class Phase(IntEnum):
    """The phases of a call, in their order."""

    WAITING = 0
    PENDING = 1
    SETTING_UP = 2
    PLANNING = 3
    COMMITTING_QUOTA = 4
    APPLYING = 5
    CLEANING_UP = 6
    CONNECTING = 7
    STARTUP = 8


_TOTAL = len(Phase)

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
    """Reports each phase at once, and what is new inside it as often as a host can show.

    Values rise strictly. Notices of a phase stay below the next one's value; a second build of the same call
    begins where the first one's total ended.
    """

    def __init__(self, report: Progress | None, clock: Clock) -> None:
        self._report = report
        self._clock = clock
        self._build_id: BuildId | None = None
        self._offset = 0
        self._phase = Phase.WAITING
        self._label = "waiting"
        self._entered = self._sent = clock.monotonic()
        self._notices = 0
        self._notice = ""
        self._noticed = asyncio.Event()

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """While the context lasts, notices are passed on, and a host never hears nothing for long."""
        async with _background(self._pass_on(), wanted=self._report is not None):
            yield

    @asynccontextmanager
    async def following(self, backend: WorkspaceBackend, build_id: BuildId) -> AsyncIterator[None]:
        """While the context lasts, new lines of the build's log are notices."""
        async with _background(self._follow_log(backend, build_id), wanted=self._report is not None):
            yield

    async def build(self, build: Build) -> None:
        """Report where the build stands."""
        if self._build_id not in (None, build.id):
            self._offset += _TOTAL
            self._phase = Phase.WAITING
        self._build_id = build.id
        try:
            status = build_state.job_status(build.job)
        except UnexpectedJobStatus:
            return
        if status is JobStatus.PENDING:
            await self.phase(Phase.PENDING, "pending")
            self.notice(_queue_text(build))
        elif status.active and (phase := _STAGES.get(build.job.stage)):
            await self.phase(phase, build.job.stage)

    async def phase(self, phase: Phase, label: str) -> None:
        """Report that ``phase`` was entered. One that was entered before is nothing new."""
        if phase <= self._phase:
            return
        self._phase, self._label = phase, label
        self._entered = self._clock.monotonic()
        self._notices, self._notice = 0, ""
        await self._send(label)

    def notice(self, text: str) -> None:
        """Something new inside the phase; of several in a short time the newest is reported."""
        if text:
            self._notice = text
            self._noticed.set()

    async def _pass_on(self) -> None:
        while True:
            self._noticed.clear()
            pause = _SHORTEST_INTERVAL if self._notice else _LONGEST_SILENCE
            left = self._sent + pause - self._clock.monotonic()
            if left > timedelta():
                await self._wait(left)
            elif self._notice:
                text, self._notice = self._notice, ""
                await self._send(f"{self._label}: {text}")
            else:
                waited = self._clock.monotonic() - self._entered
                await self._send(f"{self._label}: {round(waited.total_seconds())} s")

    async def _wait(self, left: timedelta) -> None:
        if self._notice:
            await self._clock.sleep(left)
        else:
            await self._clock.wait(self._noticed, left)

    async def _send(self, message: str) -> None:
        if self._report is None:
            return
        value = self._offset + self._phase + self._notices / (self._notices + 10)
        self._notices += 1
        self._sent = self._clock.monotonic()
        shown = "".join(sign if sign.isprintable() else " " for sign in message[:_LONGEST_MESSAGE])
        try:
            await self._report(value, self._offset + _TOTAL, shown)
        except Exception:
            log.exception("a progress report failed", extra={"action": "progress"})

    async def _follow_log(self, backend: WorkspaceBackend, build_id: BuildId) -> None:
        last = -1
        with backend.build_changes(build_id) as changes:
            while True:
                with suppress(ChattoolError):
                    for line in await backend.build_log_tail(build_id, limit=1):
                        if line.id != last and line.output != line.stage:
                            self.notice(line.output.strip())
                        last = line.id
                await changes.wait(_BACKUP_POLL)
                await self._clock.sleep(_SHORTEST_INTERVAL)


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None], *, wanted: bool) -> AsyncIterator[None]:
    if not wanted:
        work.close()
        yield
        return
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


def _queue_text(build: Build) -> str:
    job = build.job
    return f"{job.queue_position} of {job.queue_size} in the queue" if job.queue_position else ""
