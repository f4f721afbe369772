"""Starting, finding and stopping the background engine of a state directory."""

from __future__ import annotations

import os
import re
import signal
from contextlib import suppress
from datetime import timedelta
from enum import StrEnum
from importlib.metadata import version
from typing import TYPE_CHECKING

from chattool.background.errors import EngineBusy
from chattool.background.lock import EngineLock, is_held, note_use
from chattool.background.start import not_started, start
from chattool.background.state import EngineState, EngineStatus, Phase, read_state
from chattool.background.state_directory import prepare, state_directory
from db.clock import SystemClock

if TYPE_CHECKING:
    from pathlib import Path

    from chattool.background.state_directory import StateDirectory
    from db.clock import Clock

# There is nothing to wait on: a lock of another process wakes nobody who may give up.
_LOOK_AGAIN = timedelta(milliseconds=20)
_CANCEL_LIMIT = timedelta(seconds=20)


class StopOutcome(StrEnum):
    """How a stop went."""

    NOT_RUNNING = "not_running"
    DRAINED = "drained"
    CANCELED = "canceled"
    """Builds ran for longer than allowed and were interrupted."""


async def ensure(
    home: Path, *, timeout: timedelta = timedelta(seconds=20), clock: Clock | None = None
) -> EngineStatus:
    """The engine of ``home``, started if need be, when it is ready.

    It stays for at least one idle time from now on. However many processes call at once, one engine starts.
    An engine of an older release is asked to drain and is replaced when its builds have ended, which are not
    interrupted for that; a newer one is used as it is.

    Raises:
        HomeUnusable: the directory cannot be made or written.
        EngineNotStarted: the engine ended before it was ready.
        EngineBusy: it was not ready in time, or an older one still works.
    """
    directory = state_directory(home)
    prepare(directory)
    clock = clock or SystemClock()
    deadline = clock.monotonic() + timeout
    started = asked = False
    while True:
        lock = EngineLock.acquire(directory.lock)
        if lock is not None:
            try:
                if started:
                    raise not_started(directory)
                await start(directory, lock)
            finally:
                lock.release()
            started = True
        # Before the look at its state: an engine about to leave looks the other way round.
        note_use(directory.lock)
        state = read_state(directory.state)
        if state is not None and state.phase is Phase.READY:
            if not _is_older(state.version):
                return _status(directory, state)
            if not asked:
                _signal(state, signal.SIGTERM)
                asked = True
        if clock.monotonic() >= deadline:
            raise _late(directory, state)
        await clock.sleep(_LOOK_AGAIN)


def status(home: Path) -> EngineStatus:
    """Whether the engine of ``home`` runs, and what it says about itself."""
    directory = state_directory(home)
    if not is_held(directory.lock):
        return EngineStatus(running=False, log=directory.log)
    return _status(directory, read_state(directory.state))


async def stop(
    home: Path, *, timeout: timedelta = timedelta(seconds=30), clock: Clock | None = None
) -> StopOutcome:
    """End the engine of ``home``: builds that run may finish within ``timeout``, then they are interrupted.

    Workspaces go on.

    Raises:
        EngineBusy: it does not end.
    """
    directory = state_directory(home)
    clock = clock or SystemClock()
    if not is_held(directory.lock):
        return StopOutcome.NOT_RUNNING
    if await _ended(directory, clock, signal.SIGTERM, timeout):
        return StopOutcome.DRAINED
    if await _ended(directory, clock, signal.SIGINT, _CANCEL_LIMIT):
        return StopOutcome.CANCELED
    state = read_state(directory.state)
    process = "" if state is None else f" (process {state.pid})"
    raise EngineBusy(f"the background engine{process} was told to end and still runs; see {directory.log}")


async def _ended(directory: StateDirectory, clock: Clock, number: signal.Signals, limit: timedelta) -> bool:
    """Whether the engine ended within ``limit`` of being told so."""
    deadline = clock.monotonic() + limit
    told = False
    while is_held(directory.lock):
        if not told and (state := read_state(directory.state)):
            _signal(state, number)
            told = True
        if clock.monotonic() >= deadline:
            return False
        await clock.sleep(_LOOK_AGAIN)
    return True


def _signal(state: EngineState, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.kill(state.pid, number)


def _status(directory: StateDirectory, state: EngineState | None) -> EngineStatus:
    if state is None:
        return EngineStatus(running=True, log=directory.log)
    return EngineStatus(
        running=True,
        log=directory.log,
        phase=state.phase,
        pid=state.pid,
        started_at=state.started_at,
        version=state.version,
    )


def _late(directory: StateDirectory, state: EngineState | None) -> EngineBusy:
    if state is not None and state.phase is Phase.DRAINING:
        return EngineBusy("the background engine is ending and still has builds to finish; try again later")
    if state is not None and state.phase is Phase.READY:
        return EngineBusy(
            f"the background engine of chattool {state.version} still has builds to finish before it is "
            "replaced; try again later, or run: chattool engine stop"
        )
    return EngineBusy(f"the background engine is not ready yet; try again, or see {directory.log}")


def _is_older(running: str) -> bool:
    return _release(running) < _release(version("chattool"))


def _release(text: str) -> tuple[int, ...]:
    """The numbers of a release; what follows them does not decide about a replacement."""
    match = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(int(number) for number in match[0].split(".")) if match else ()
