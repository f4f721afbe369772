"""Runs one claimed job from its claim to its finish.

A workspace build goes plan → commit quota → apply → finish. The cancel is looked at between all of
them, and a failure gets its code where it arises. Whatever happens, the job ends by one ``finish``, is
handed back, or, when the lease is lost, is left to whoever owns it now.
"""

from __future__ import annotations

import asyncio
import logging
import shutil
import tempfile
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from db.bearer_secrets import new_secret
from db.errors import ChattoolError, JobCanceled, LeaseLost, StoreBusy, StoreUnavailable
from db.states import JobErrorCode, JobStatus, LogLevel, Transition
from provisioner import build_plan, failures
from provisioner.heartbeat import Heartbeat, Signals
from provisioner.import_run import run_import
from provisioner.jobs import BuildWork, Outcome
from provisioner.log_buffer import LogBuffer
from provisioner.scratch import scratch_folder
from quota import QuotaLockTimeout

if TYPE_CHECKING:
    from collections.abc import (
        AsyncIterator,
        Awaitable,
        Callable,
        Coroutine,
        Iterator,
        Mapping,
        Sequence,
    )

    from db.states import ProvisionerType
    from provisioner.client import JobClient
    from provisioner.jobs import Claim, ImportWork, Line
    from provisioner.protocol import PlanResult, Provisioner, Request
    from provisioner.sources import Sources

T = TypeVar("T")

log = logging.getLogger(__name__)

APPLY_STAGES = {
    Transition.START: "Starting workspace",
    Transition.STOP: "Stopping workspace",
    Transition.DELETE: "Destroying workspace",
}


class Runner:
    """One run of one job."""

    def __init__(
        self,
        client: JobClient,
        claim: Claim,
        provisioners: Mapping[ProvisionerType, Provisioner],
        sources: Sources,
    ) -> None:
        self._client = client
        self._claim = claim
        self._provisioner = provisioners.get(claim.provisioner)
        self._sources = sources
        self._signals = Signals()
        self._numbers = 0
        self._call_lock = asyncio.Lock()
        self._committed = False
        self._newest_state: bytes | None = None
        self.logs = LogBuffer(client.clock, self._send_logs)

    def close(self) -> None:
        """The daemon shuts down: hand the job back, or end it when it is past its point of no return."""
        self._signals.close(failures.SHUT_DOWN)

    async def run(self) -> None:
        """Run the job to its end. Never raises for a failure of the job."""
        try:
            async with self._kept_alive():
                outcome = await self._outcome()
                if outcome is None:
                    await self._hand_back()
                elif not self._signals.lost:
                    await self._finish(outcome)
        except LeaseLost:
            log.warning("lost the lease; wrote nothing more", extra=self._keys("lease_lost"))
        except ChattoolError as error:
            log.error("could not end the job: %s", error, extra=self._keys("finish"))  # noqa: TRY400 - no traceback: the store is away

    @asynccontextmanager
    async def _kept_alive(self) -> AsyncIterator[None]:
        heartbeat = Heartbeat(self._client, self._claim, self._signals)
        tasks = [asyncio.create_task(heartbeat.run()), asyncio.create_task(self._ship_logs())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _outcome(self) -> Outcome | None:
        """How the job ended; ``None`` to hand it back."""
        try:
            if self._provisioner is None:
                return failures.failed(f'no provisioner "{self._claim.provisioner}"')
            work = self._claim.work
            if work is None:
                work = await self._asked(lambda: self._client.work(self._claim))
            async with self._source() as source:
                with _job_directory() as directory:
                    if isinstance(work, BuildWork):
                        return await self._run_build(self._provisioner, work, source, directory)
                    return await self._run_import(self._provisioner, work, source, directory)
        except JobCanceled:
            return Outcome(status=JobStatus.CANCELED)
        except LeaseLost:
            raise
        except failures.Stopped:
            return self._stopped()
        except Exception as error:  # noqa: BLE001 - whatever it is, the job has to end
            return failures.preparation(error)

    @asynccontextmanager
    async def _source(self) -> AsyncIterator[Path]:
        self.logs.enter("Setting up")
        file_id = self._claim.file_id
        source = await self._sources.acquire(
            file_id, lambda _: self._asked(lambda: self._client.archive(file_id))
        )
        try:
            yield source
        finally:
            self._sources.release(file_id)

    async def _run_import(
        self, provisioner: Provisioner, work: ImportWork, source: Path, directory: Path
    ) -> Outcome:
        outcome = await run_import(
            provisioner,
            work,
            source,
            self.logs,
            directory=directory,
            interrupt=self._signals.interrupt,
            call=self._supervised,
        )
        if outcome.status is not JobStatus.SUCCEEDED:
            self._check_stopped()
        return outcome

    async def _run_build(
        self, provisioner: Provisioner, work: BuildWork, source: Path, directory: Path
    ) -> Outcome | None:
        token = new_secret()
        self.logs.mask([token])
        request = build_plan.request(work, token, directory)
        self._check_stopped()

        self.logs.enter("Planning infrastructure")
        plan_call = provisioner.plan(source, request, self.logs.provisioner, self._signals.interrupt)
        try:
            plan = await self._supervised(plan_call)
        except (failures.Stopped, LeaseLost):
            raise
        except Exception as error:  # noqa: BLE001 - a provisioner may break in any way
            self._check_stopped()
            return failures.broken(error, "receive plan response")
        self._check_stopped()
        if failure := build_plan.problem(plan):
            return failures.failed(failure)

        if refusal := await self._pass_point_of_no_return(work, plan):
            return refusal
        # Once more, right before the apply is called: up to here nothing has been applied.
        self._check_stopped()
        return await self._apply(provisioner, work, request, source)

    async def _pass_point_of_no_return(self, work: BuildWork, plan: PlanResult) -> Outcome | None:
        """``None`` when the apply may begin, else how the build ends instead."""
        fence, cost = self._claim.fence, plan.cost
        try:
            if cost == 0 or work.transition is Transition.DELETE:
                await self._numbered(lambda number: self._client.begin_apply(fence, number, work, cost))
            else:
                self.logs.enter("Commit quota")
                commit = await self._numbered(
                    lambda number: self._client.commit_quota(fence, number, work, cost)
                )
                build_plan.log_commit(self.logs, cost, commit)
                if not commit.ok:
                    return failures.failed("insufficient quota", code=JobErrorCode.INSUFFICIENT_QUOTA)
        except LeaseLost:
            raise
        except ChattoolError as error:
            self.logs.say(f"Failed to commit quota: {failures.text(error)}", LogLevel.ERROR)
            return failures.failed(
                f"commit quota: {failures.text(error)}", retryable=isinstance(error, QuotaLockTimeout) or None
            )
        self._committed = True
        return None

    async def _apply(
        self, provisioner: Provisioner, work: BuildWork, request: Request, source: Path
    ) -> Outcome | None:
        self.logs.enter(APPLY_STAGES[work.transition])
        call = provisioner.apply(
            source, request, self.logs.provisioner, self._signals.interrupt, checkpoint=self._checkpoint
        )
        try:
            result = await self._supervised(call)
        except failures.Stopped:
            return self._with_state(self._stopped(applied=True))
        except LeaseLost:
            raise
        except Exception as error:  # noqa: BLE001 - a provisioner may break in any way
            if self._signals.closing:
                return self._with_state(self._stopped(applied=True))
            return self._with_state(failures.broken(error, "receive apply response", applied=True))
        self.logs.enter("Cleaning up")
        ended = {
            "state": result.state,
            "resources": result.resources,
            "agent_token": request.agent_token,
            "applied": True,
        }
        if not result.error:
            return Outcome(status=JobStatus.SUCCEEDED, **ended)  # type: ignore[arg-type]
        closed = "" if self._signals.canceled else self._signals.closing
        error_text = closed or result.error
        return Outcome(status=JobStatus.FAILED, error=error_text, retryable=bool(closed) or None, **ended)  # type: ignore[arg-type]

    async def _checkpoint(self, state: bytes, /) -> None:
        """Keep the state that an apply has reached. The finish brings the last one, so this may fail."""
        self._newest_state = state
        try:
            await self._client.heartbeat(self._claim.fence, state)
        except LeaseLost:
            self._signals.lose()
        except ChattoolError as error:
            log.warning("could not keep a checkpoint: %s", error, extra=self._keys("checkpoint"))

    def _with_state(self, outcome: Outcome | None) -> Outcome | None:
        """The failure of an apply that answered nothing, with what its checkpoints said."""
        return outcome and replace(outcome, state=self._newest_state)

    async def _supervised(self, call: Coroutine[object, object, T]) -> T:
        """The provisioner's answer; it is cancelled when the time for politeness is over.

        Raises:
            LeaseLost: the lease is lost.
            Stopped: it had to be killed.
        """
        task = asyncio.ensure_future(call)
        either: set[asyncio.Future[Any]] = {task, self._signals.killed}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
            answered = task.done()
        finally:
            if not task.done():
                await self._kill(task)
        if self._signals.lost:
            raise LeaseLost
        if not answered:
            raise failures.Stopped
        return task.result()

    async def _kill(self, task: asyncio.Future[T]) -> None:
        task.cancel()
        with suppress(BaseException):
            await task

    def _check_stopped(self) -> None:
        if self._signals.lost:
            raise LeaseLost
        if self._signals.canceled:
            raise JobCanceled
        if self._signals.closing:
            raise failures.Stopped

    def _stopped(self, *, applied: bool = False) -> Outcome | None:
        """The end of a job that had to stop with its daemon, or whose cancel took too long."""
        if self._signals.canceled:
            return failures.failed(failures.CANCEL_TIMED_OUT, retryable=True, applied=applied)
        if self._committed:
            return failures.failed(self._signals.closing, retryable=True, applied=applied)
        return None

    async def _hand_back(self) -> None:
        await self.logs.flush()
        if not await self._asked(lambda: self._client.release(self._claim.fence)):
            await self._finish(Outcome(status=JobStatus.CANCELED))

    async def _finish(self, outcome: Outcome) -> None:
        fence = self._claim.fence
        try:
            lines = await self.logs.rest()
            await self._numbered(lambda number: self._client.finish(fence, number, outcome, lines))
        except (LeaseLost, StoreBusy, StoreUnavailable):
            raise
        except ChattoolError as error:
            # The content was refused: keep at least the state, and say why.
            smaller = failures.failed(
                f"store build result: {failures.text(error)}", applied=outcome.applied, state=outcome.state
            )
            await self._numbered(lambda number: self._client.finish(fence, number, smaller, []))

    async def _ship_logs(self) -> None:
        with suppress(LeaseLost):
            await self.logs.run()

    async def _send_logs(self, lines: Sequence[Line]) -> None:
        fence = self._claim.fence
        await self._numbered(lambda number: self._client.append_logs(fence, number, lines))

    async def _numbered(self, call: Callable[[int], Awaitable[T]]) -> T:
        """One numbered call, repeated with the same number until it is answered; one after another."""
        async with self._call_lock:
            self._numbers += 1
            number = self._numbers
            return await self._asked(lambda: call(number))

    async def _asked(self, call: Callable[[], Awaitable[T]]) -> T:
        """The answer of a store that may be away for a moment; asked again until the lease is lost."""
        pause, longest = self._client.settings.retry_backoff
        while True:
            try:
                return await call()
            except (StoreBusy, StoreUnavailable):
                if self._signals.lost:
                    raise LeaseLost from None
                await self._client.clock.sleep(pause)
                pause = min(pause * 2, longest)

    def _keys(self, action: str) -> dict[str, object]:
        fence = self._claim.fence
        return {
            "action": action,
            "job_id": str(fence.job_id),
            "attempt": fence.attempt,
            "daemon_id": str(fence.worker_id),
        }


@contextmanager
def _job_directory() -> Iterator[Path]:
    name = tempfile.mkdtemp(prefix="job-", dir=scratch_folder())
    try:
        yield Path(name)
    finally:
        try:
            Path(name).rmdir()  # most jobs leave nothing in it
        except OSError:
            shutil.rmtree(name, ignore_errors=True)
