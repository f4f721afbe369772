"""The heartbeat of a running job, and the signals it gives its runner."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from db.errors import ChattoolError, LeaseLost
from provisioner import failures

if TYPE_CHECKING:
    from datetime import timedelta

    from provisioner.client import JobClient
    from provisioner.jobs import Claim

log = logging.getLogger(__name__)


class Signals:
    """What a runner has to hear while a provisioner works."""

    def __init__(self) -> None:
        self.interrupt = asyncio.Event()
        """Stop politely; given to the provisioner."""
        self.killed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the time for politeness is over."""
        self.canceled = False
        self.closing = ""
        """Why the run has to end although nobody cancelled it."""
        self.lost = False

    def cancel(self) -> None:
        """Somebody cancelled the job."""
        self.canceled = True
        self.interrupt.set()

    def close(self, reason: str) -> None:
        """The daemon cannot go on: it shuts down, or is cut off from the server."""
        self.closing = self.closing or reason
        self.interrupt.set()

    def lose(self) -> None:
        """Another attempt owns the job, or soon may: nothing more may be written."""
        self.lost = True
        self.interrupt.set()
        self.kill()

    def kill(self) -> None:
        """Wait no longer for an interrupted provisioner."""
        if not self.killed.done():
            self.killed.set_result(None)


class Heartbeat:
    """Renews the lease of one job and fences its runner off when it cannot.

    It runs on its own task and connection, and goes on while a cancel is carried out. When no renewal
    landed, counted from the start of the last good call, the provisioner is interrupted at half the lease
    and killed at five sixths of it, so that it is dead before the lease ends.
    """

    def __init__(self, client: JobClient, claim: Claim, signals: Signals) -> None:
        self._client = client
        self._clock = client.clock
        self._settings = client.settings
        self._fence = claim.fence
        self._signals = signals
        self._renewed_at = self._clock.monotonic() - claim.age
        self._lease = self._settings.job_lease
        self._interrupted_at: timedelta | None = None

    async def run(self) -> None:
        """Beat until cancelled or the lease is lost."""
        with self._client.cancels(self._fence) as cancels:
            # Until the first beat there is nothing to watch: it comes long before half of the lease.
            await cancels.wait(self._settings.heartbeat_interval)
            watch = asyncio.create_task(self._watch(), name="chattool-lease-watch")
            try:
                while not self._signals.lost:
                    # A wake-up may be a cancel, and the beat brings it.
                    await self._beat()
                    await cancels.wait(self._settings.heartbeat_interval)
            finally:
                watch.cancel()

    async def _beat(self) -> None:
        started = self._clock.monotonic()
        try:
            beat = await self._client.heartbeat(self._fence)
        except LeaseLost:
            self._signals.lose()
        except ChattoolError as error:
            log.warning(
                "could not renew the lease: %s",
                error,
                extra={
                    "action": "heartbeat",
                    "job_id": str(self._fence.job_id),
                    "attempt": self._fence.attempt,
                },
            )
            await self._clock.sleep(self._settings.retry_backoff[0])
        else:
            self._renewed_at, self._lease = started, beat.lease
            if beat.canceled:
                self._signals.cancel()

    async def _watch(self) -> None:
        """Hold the runner to the lease and to the patience for an interrupt, whatever the beats do."""
        while True:
            lease = self._lease
            now = self._clock.monotonic()
            silent = now - self._renewed_at
            if silent >= lease * 5 / 6:
                self._signals.lose()
                return
            if silent >= lease / 2:
                self._signals.close(failures.CUT_OFF)
            if self._signals.interrupt.is_set():
                self._interrupted_at = self._interrupted_at or now
                if now - self._interrupted_at >= self._settings.force_cancel:
                    self._signals.kill()
            await self._clock.sleep(lease / 12)
