"""The process of the background engine."""

from __future__ import annotations

import asyncio
import logging
import os
from contextlib import suppress
from dataclasses import replace
from importlib.metadata import version
from typing import TYPE_CHECKING

from chattool.background.furnishing import furnish
from chattool.background.idleness import Idleness
from chattool.background.log_file import rotate_if_large
from chattool.background.reconnection import silent_agents_heard
from chattool.background.state import EngineState, Phase
from chattool.daemon_process import daemon_process
from chattool.end_signals import EndSignals
from chattool.starter import ALLOWANCE
from db.clock import SystemClock
from db.errors import ChattoolError
from provisioner import tags
from provisioner.settings import ProvisionerSettings

if TYPE_CHECKING:
    from datetime import timedelta

    from chattool.background.lock import EngineLock
    from chattool.background.state_directory import StateDirectory
    from chattool.daemon_process import DaemonProcess

log = logging.getLogger(__name__)

# One name for all engines of a directory, which follow each other: else the list of daemons would grow.
_DAEMON_NAME = "background"


class BackgroundEngine:
    """One run of the engine of a state directory, under its lock."""

    def __init__(
        self, directory: StateDirectory, lock: EngineLock, *, idle_timeout: timedelta, logs_to_file: bool
    ) -> None:
        self._directory = directory
        self._lock = lock
        self._idle_timeout = idle_timeout
        self._logs_to_file = logs_to_file
        self._state = EngineState(
            pid=os.getpid(), started_at=SystemClock().now(), version=version("chattool")
        )

    async def run(self) -> int:
        """Work until idle or told to end; the exit code: 0, or 1 when it failed or interrupted jobs."""
        self._keep_log_small()
        try:
            self._announce(Phase.STARTING)
            return await self._run()
        except (ChattoolError, OSError) as error:
            log.error("the engine failed: %s", error, extra={"action": "end"})  # noqa: TRY400 - no traceback
            with suppress(OSError):
                self._announce(Phase.FAILED, error=str(error))
            return 1

    async def _run(self) -> int:
        signals = EndSignals()
        async with daemon_process(
            self._directory.url,
            workspaces=self._directory.workspaces,
            name=_DAEMON_NAME,
            daemon_tags=tags.UNTAGGED,
            settings=ProvisionerSettings(),
            signals=signals,
            only_one=True,  # we hold the lock of the directory
            allowance=ALLOWANCE,
        ) as process:
            url = "" if process.agents_url is None else await process.agents_url()
            await silent_agents_heard(process.store)
            await furnish(process.store)
            self._announce(Phase.READY, url=url)
            log.info("the engine is ready", extra={"action": "ready", "pid": self._state.pid})
            reason = await self._until_end(process)
            self._announce(Phase.DRAINING)
            log.info("the engine ends", extra={"action": "end", "reason": reason})
        return 1 if signals.interrupted else 0

    async def _until_end(self, process: DaemonProcess) -> str:
        """Why it ends."""
        told = asyncio.create_task(process.told_to_end())
        unused = asyncio.create_task(
            self._until_unused(Idleness(process.store, self._lock, self._idle_timeout))
        )
        try:
            await asyncio.wait({told, unused}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (told, unused):
                task.cancel()
            await asyncio.gather(told, unused, return_exceptions=True)
        for task in (told, unused):
            if not task.cancelled():
                task.result()
        return "signal" if process.ending else "idle"

    async def _until_unused(self, idleness: Idleness) -> None:
        while True:
            await idleness.reached(at_each_look=self._keep_log_small)
            # Who asks for the engine leaves a mark first and looks at the phase then; here it is the other
            # way round, so one of the two sees the other.
            self._announce(Phase.DRAINING)
            if not await idleness.is_over():
                return
            self._announce(Phase.READY)

    def _announce(self, phase: Phase, *, url: str = "", error: str = "") -> None:
        self._state = replace(self._state, phase=phase, url=url or self._state.url, error=error)
        if self._lock.is_in_place():  # else the directory was removed, or belongs to another engine
            self._state.write(self._directory.state)

    def _keep_log_small(self) -> None:
        if self._logs_to_file:
            rotate_if_large(self._directory.log)
