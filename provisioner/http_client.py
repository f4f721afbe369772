"""The clients of a remote daemon: the same calls as on the database, over HTTP.

Every call may be repeated: it names job, attempt and number, and an acquire its request. Calls for a job are
repeated by its runner until they are answered or the lease is lost; here only those before a job are.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

import tenacity

from db.clock import jittered
from db.errors import ChattoolError, NotFound, StoreBusy
from db.ids import new_id
from db.states import ProvisionerType
from provisioner import wire
from provisioner.errors import AnswerUnreadable, ServerUnavailable
from provisioner.jobs import Beat
from quota import QuotaCommit

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator, Sequence
    from uuid import UUID

    from db.clock import Clock
    from db.ids import FileId, JobId
    from provisioner.client import Offer
    from provisioner.http_connection import HttpConnection
    from provisioner.jobs import BuildWork, Claim, Fence, ImportWork, Line, Outcome
    from provisioner.settings import ProvisionerSettings

T = TypeVar("T")
A = TypeVar("A", bound=wire.Answer)

log = logging.getLogger(__name__)

_DOWNLOAD_PATIENCE = timedelta(minutes=5)


def most_calls(settings: ProvisionerSettings) -> int:
    """How many calls a daemon may have under way, so that none ever waits for another's connection.

    For each job a call of its runner, a heartbeat, a checkpoint and the wait for a cancel; beside them an
    acquire, its withdrawal and a sign of life.
    """
    return 4 * settings.daemon_slots + 3


class HttpJobClient:
    """The ``JobClient`` of a remote daemon. How patient it is the server says at the registration."""

    def __init__(self, connection: HttpConnection, settings: ProvisionerSettings, clock: Clock) -> None:
        self.clock = clock
        self.settings = settings
        self._connection = connection
        self._missing: dict[JobId, str] = {}

    def assigned(self, acquired: wire.Acquired, *, age: timedelta) -> Claim:
        """The claim with its work; what is missing is kept until its runner asks for it."""
        claim = replace(acquired.claim, age=age)
        if claim.work is None:
            self._missing[claim.fence.job_id] = acquired.work_error
        return claim

    async def work(self, claim: Claim) -> BuildWork | ImportWork:
        raise NotFound(self._missing.pop(claim.fence.job_id, ""))

    async def archive(self, file_id: FileId) -> bytes:
        return await self._connection.download(f"/files/{file_id}", patience=_DOWNLOAD_PATIENCE)

    async def heartbeat(self, fence: Fence, state: bytes | None = None) -> Beat:
        message = wire.Heartbeat(attempt=fence.attempt, state=state)
        answer = await self._asked(wire.HeartbeatAnswer, fence, "heartbeat", message)
        return Beat(canceled=answer.canceled, lease=timedelta(milliseconds=answer.lease_ms))

    async def append_logs(self, fence: Fence, number: int, lines: Sequence[Line]) -> None:
        message = wire.Logs(attempt=fence.attempt, number=number, lines=list(lines), sent_at=self.clock.now())
        await self._connection.tell(_path(fence, "logs"), message)

    async def commit_quota(
        self,
        fence: Fence,
        number: int,
        build: BuildWork,  # noqa: ARG002 - the server knows what it lets be built
        cost: int,
    ) -> QuotaCommit:
        message = wire.Cost(attempt=fence.attempt, number=number, daily_cost=cost)
        patience = self.settings.quota_lock_timeout
        answer = await self._asked(wire.CommitAnswer, fence, "commit-quota", message, patience=patience)
        return QuotaCommit(ok=answer.ok, credits_consumed=answer.credits_consumed, budget=answer.budget)

    async def begin_apply(
        self,
        fence: Fence,
        number: int,
        build: BuildWork,  # noqa: ARG002 - as above
        cost: int,
    ) -> None:
        message = wire.Cost(attempt=fence.attempt, number=number, daily_cost=cost)
        await self._connection.tell(_path(fence, "begin-apply"), message)

    async def release(self, fence: Fence) -> bool:
        return (await self._asked(wire.Released, fence, "release", _fenced(fence))).released

    async def finish(self, fence: Fence, number: int, outcome: Outcome, lines: Sequence[Line]) -> None:
        message = wire.Finish(
            attempt=fence.attempt,
            number=number,
            outcome=outcome,
            lines=list(lines),
            sent_at=self.clock.now(),
        )
        await self._connection.tell(_path(fence, "finish"), message)

    @contextmanager
    def cancels(self, fence: Fence) -> Iterator[_CancelHints]:
        yield _CancelHints(self._connection, self.clock, fence)

    async def _asked(
        self,
        answer: type[A],
        fence: Fence,
        call: str,
        message: wire.Message,
        *,
        patience: timedelta = timedelta(),
    ) -> A:
        found = await self._connection.ask(answer, _path(fence, call), message, patience=patience)
        if found is None:
            raise ServerUnavailable(f"{self._connection.url} answered nothing")
        return found


class _CancelHints:
    """A call that the server answers when the job is cancelled."""

    def __init__(self, connection: HttpConnection, clock: Clock, fence: Fence) -> None:
        self._connection = connection
        self._clock = clock
        self._fence = fence

    async def wait(self, timeout: timedelta | None) -> bool:
        """Whether a hint came before ``timeout`` had passed; a server that is away gives none."""
        patience = min(timeout or wire.LONGEST_WAIT, wire.LONGEST_WAIT)
        began = self._clock.monotonic()
        # The server answers a little sooner than the wait ends, so that no answer is cut off.
        held = wire.milliseconds(patience * 0.9)
        message = wire.CancelWait(attempt=self._fence.attempt, wait_ms=held)
        # Only a hint: whatever is wrong, the next heartbeat says it better, and it must not come late.
        call = asyncio.ensure_future(
            self._connection.ask(
                wire.CancelAnswer, _path(self._fence, "cancel-wait"), message, patience=patience
            )
        )
        answered = asyncio.Event()
        call.add_done_callback(lambda _: answered.set())
        try:
            await self._clock.wait(answered, patience)
            if call.done() and not call.cancelled() and call.exception() is None:
                answer = call.result()
                if answer is not None and answer.canceled:
                    return True
        finally:
            call.cancel()
            with suppress(ChattoolError, asyncio.CancelledError):
                await call
        left = patience - (self._clock.monotonic() - began)
        if left > timedelta():
            await self._clock.sleep(left)
        return False


class HttpDaemonClient:
    """The ``DaemonClient`` of a remote daemon."""

    def __init__(self, connection: HttpConnection, settings: ProvisionerSettings, clock: Clock) -> None:
        self._connection = connection
        self._clock = clock
        self._jobs = HttpJobClient(connection, settings, clock)

    @property
    def jobs(self) -> HttpJobClient:
        return self._jobs

    async def register(self, offer: Offer) -> None:
        message = wire.Registration(
            name=offer.name,
            version=offer.version,
            provisioners=frozenset(ProvisionerType(kind) for kind in offer.provisioners),
            tags=dict(offer.tags),
        )
        answer = await self._answered(lambda: self._connection.ask(wire.Registered, "/register", message))
        if answer is None:
            raise ServerUnavailable(f"{self._connection.url} answered nothing")
        self._connection.daemon_id = answer.daemon_id
        self._jobs.settings = replace(
            self._jobs.settings,
            job_lease=timedelta(milliseconds=answer.lease_ms),
            heartbeat_interval=timedelta(milliseconds=answer.heartbeat_ms),
            quota_lock_timeout=timedelta(milliseconds=answer.quota_lock_timeout_ms),
        )

    async def seen(self) -> None:
        await self._connection.tell("/seen", wire.Message())

    async def acquire(self) -> Claim:
        request_id = new_id()
        try:
            while True:
                claim = await self._answered(lambda: self._acquired(request_id))
                if claim is not None:
                    return claim
        except asyncio.CancelledError:
            # The daemon ends, but a job may be ours already: the next daemon shall not wait for the reaper.
            with suppress(ChattoolError):
                await self._connection.take_back(f"/acquire/{request_id}")
            raise

    async def _acquired(self, request_id: UUID) -> Claim | None:
        patience = self._jobs.settings.acquire_wait
        message = wire.AcquireRequest(request_id=request_id, wait_ms=wire.milliseconds(patience))
        began = self._clock.monotonic()
        try:
            answer = await self._connection.ask(wire.Acquired, "/acquire", message, patience=patience)
        except AnswerUnreadable:
            # Asked again with this id, the server would give the same job and renew its lease for ever.
            await self._connection.take_back(f"/acquire/{request_id}")
            raise
        if answer is None:
            return None
        # The lease began when the server had waited for so long, counted at the earliest from our call.
        age = self._clock.monotonic() - began - timedelta(milliseconds=answer.waited_ms)
        return self._jobs.assigned(answer, age=max(age, timedelta()))

    async def _answered(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of a server that may be away; asked again until it comes."""
        shortest, longest = self._jobs.settings.reconnect_backoff
        exponential = tenacity.wait_exponential(multiplier=shortest.total_seconds(), max=longest)
        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type((ServerUnavailable, StoreBusy)),
            wait=lambda state: jittered(timedelta(seconds=exponential(state))).total_seconds(),
            sleep=self._sleep,
            before_sleep=self._say_why,
        )

        async def answered() -> T:
            return await call()

        return await retrying(answered)

    async def _sleep(self, seconds: float) -> None:
        await self._clock.sleep(timedelta(seconds=seconds))

    def _say_why(self, state: tenacity.RetryCallState) -> None:
        error = None if state.outcome is None else state.outcome.exception()
        log.warning("no answer yet: %s", error, extra={"action": "reconnect", "tries": state.attempt_number})


def _fenced(fence: Fence) -> wire.Fenced:
    return wire.Fenced(attempt=fence.attempt)


def _path(fence: Fence, call: str) -> str:
    return f"/jobs/{fence.job_id}/{call}"
