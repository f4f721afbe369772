"""The provisioner daemon: takes jobs while a slot is free, runs each on its own, and ends as it is told."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from db.errors import StoreBusy, StoreUnavailable
from provisioner import tags
from provisioner.client import Offer
from provisioner.runner import Runner
from provisioner.sources import Sources

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import timedelta

    from provisioner.client import DaemonClient
    from provisioner.jobs import Claim
    from provisioner.protocol import Provisioner

log = logging.getLogger(__name__)


class Daemon:
    """Up to ``daemon_slots`` jobs at once, each with a lease and a heartbeat of its own.

    ``run`` goes on until ``drain`` or ``cancel`` is called; then it returns when the last job has ended.
    """

    def __init__(
        self,
        client: DaemonClient,
        provisioners: Iterable[Provisioner],
        *,
        name: str,
        version: str,
        daemon_tags: Mapping[str, str] = tags.UNTAGGED,
    ) -> None:
        self._client = client
        self._clock = client.jobs.clock
        self._settings = client.jobs.settings
        self._provisioners = {provisioner.type: provisioner for provisioner in provisioners}
        self._offer = Offer(
            name=name,
            version=version,
            provisioners=frozenset(kind.value for kind in self._provisioners),
            tags=daemon_tags,
        )
        self._sources = Sources()
        self._runners: dict[Runner, asyncio.Task[None]] = {}
        self._slot_freed = asyncio.Event()
        self._ending = asyncio.Event()
        self.interrupted = 0
        """How many jobs were running when they were told to end."""
        self.ready = asyncio.Event()
        """Set when the daemon is registered and looks for work."""

    @property
    def active(self) -> int:
        """How many jobs it runs now."""
        return len(self._runners)

    @property
    def facts(self) -> Mapping[str, object]:
        """Who it is, for logs."""
        return {
            "daemon": self._offer.name,
            "version": self._offer.version,
            "slots": self._settings.daemon_slots,
            "tags": ",".join(f"{name}={value}" for name, value in self._offer.tags.items()),
        }

    def drain(self) -> None:
        """Take no more jobs and finish those that run, at most for the drain limit."""
        self._ending.set()

    def cancel(self) -> None:
        """Take no more jobs, and hand back those that run; interrupt those past their point of no return."""
        self._ending.set()
        self.interrupted = max(self.interrupted, self.active)
        for runner in self._runners:
            runner.close()

    async def run(self) -> None:
        """Register, then work until told to end."""
        if not await self._registered():
            return
        tasks = [
            asyncio.create_task(self._refresh(), name="chattool-daemon-refresh"),
            asyncio.create_task(self._acquire(), name="chattool-daemon-acquire"),
        ]
        try:
            self.ready.set()
            ended = asyncio.create_task(self._ending.wait())
            await asyncio.wait({ended, *tasks}, return_when=asyncio.FIRST_COMPLETED)
            ended.cancel()
            for task in tasks:
                if task.done() and not task.cancelled():
                    task.result()  # a mistake of ours ends the daemon, loudly
        finally:
            await self._end(tasks)

    async def _registered(self) -> bool:
        """Whether the daemon could register before it was told to end."""
        registration = asyncio.ensure_future(self._client.register(self._offer))
        ended = asyncio.ensure_future(self._ending.wait())
        try:
            await asyncio.wait({registration, ended}, return_when=asyncio.FIRST_COMPLETED)
            if registration.done():
                registration.result()
            return not self._ending.is_set()
        finally:
            for task in (registration, ended):
                task.cancel()
            await asyncio.gather(registration, ended, return_exceptions=True)

    async def _end(self, tasks: list[asyncio.Task[None]]) -> None:
        tasks[1].cancel()
        with suppress(asyncio.CancelledError, Exception):
            await tasks[1]
        try:
            if not await self._all_ended(self._settings.drain_limit):
                log.warning(
                    "the drain limit has passed; interrupting %d jobs",
                    self.active,
                    extra={"action": "cancel", "limit": str(self._settings.drain_limit)},
                )
                self.cancel()
                await self._all_ended(None)
        except asyncio.CancelledError:
            self.cancel()
            await self._all_ended(None)
            raise
        finally:
            tasks[0].cancel()
            self._sources.close()

    async def _all_ended(self, limit: timedelta | None) -> bool:
        started = self._clock.monotonic()
        while self._runners:
            left = None if limit is None else limit - (self._clock.monotonic() - started)
            self._slot_freed.clear()
            if not await self._clock.wait(self._slot_freed, left):
                return False
        return True

    async def _refresh(self) -> None:
        while True:
            await self._clock.sleep(self._settings.daemon_refresh)
            with suppress(StoreBusy, StoreUnavailable):
                await self._client.seen()

    async def _acquire(self) -> None:
        while True:
            while len(self._runners) >= self._settings.daemon_slots:
                self._slot_freed.clear()
                await self._clock.wait(self._slot_freed, None)
            self._start(await self._client.acquire())

    def _start(self, claim: Claim) -> None:
        log.info(
            "claimed a job",
            extra={
                "action": "claim",
                "job_id": str(claim.fence.job_id),
                "attempt": claim.fence.attempt,
                "daemon_id": str(claim.fence.worker_id),
            },
        )
        runner = Runner(self._client.jobs, claim, self._provisioners, self._sources)
        task = asyncio.create_task(runner.run(), name=f"chattool-job-{claim.fence.job_id}")
        self._runners[runner] = task
        task.add_done_callback(lambda done: self._ended(runner, done))

    def _ended(self, runner: Runner, task: asyncio.Task[None]) -> None:
        del self._runners[runner]
        self._slot_freed.set()
        if not task.cancelled() and task.exception() is not None:
            log.error("a runner failed", exc_info=task.exception(), extra={"action": "run"})
