"""Places where a test stops a real runner, and faults that it meets there."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from db.clock import Clock
from db.ids import DaemonId, FileId, OrganizationId
from db.transactions import Store
from provisioner.jobs import Beat, BuildWork, Claim, Fence, ImportWork, Line, Outcome
from provisioner.protocol import ApplyResult, Checkpoint, LogSink, PlanResult, Request, unsaved
from provisioner.provisioners.echo import EchoProvisioner
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient
from quota import QuotaCommit

T = TypeVar("T")
GUARD_SECONDS = 20


class Gate:
    """Holds whoever comes until it is opened."""

    def __init__(self) -> None:
        self._reached = asyncio.Event()
        self._opened = asyncio.Event()

    async def reached(self) -> None:
        """Wait until somebody stands here."""
        async with asyncio.timeout(GUARD_SECONDS):
            await self._reached.wait()

    def open(self) -> None:
        self._opened.set()

    async def passed(self) -> None:
        self._reached.set()
        await self._opened.wait()


class GatedClient(StoreClient):
    """The real client, with gates and faults before a call and after it: ``finish``, ``finish answered``."""

    def __init__(self, store: Store, settings: ProvisionerSettings) -> None:
        super().__init__(store, settings)
        self.gates: dict[str, Gate] = {}
        self.faults: defaultdict[str, list[Exception]] = defaultdict(list)
        self.calls: list[str] = []
        self.in_flight = 0

    def gate(self, place: str) -> Gate:
        return self.gates.setdefault(place, Gate())

    async def _through(self, name: str, call: Callable[[], Awaitable[T]]) -> T:
        await self._at(name)
        self.in_flight += 1
        try:
            answer = await call()
        finally:
            self.in_flight -= 1
        await self._at(f"{name} answered")
        return answer

    async def _at(self, place: str) -> None:
        self.calls.append(place)
        if place in self.gates:
            await self.gates[place].passed()
        if self.faults[place]:
            raise self.faults[place].pop(0)

    async def claim(
        self,
        *,
        worker_id: DaemonId,
        organization_id: OrganizationId,
        provisioners: Sequence[str],
        daemon_tags: Mapping[str, str],
        request_id: UUID,
        repeated: bool,
    ) -> Claim | None:
        claim = await self._through(
            "claim",
            lambda: StoreClient.claim(
                self,
                worker_id=worker_id,
                organization_id=organization_id,
                provisioners=provisioners,
                daemon_tags=daemon_tags,
                request_id=request_id,
                repeated=repeated,
            ),
        )
        # A row that is gone is missed by the claim first: then it brings no work, and is asked for it.
        return replace(claim, work=None) if claim is not None and self.faults["work"] else claim

    async def work(self, claim: Claim) -> BuildWork | ImportWork:
        return await self._through("work", lambda: StoreClient.work(self, claim))

    async def archive(self, file_id: FileId) -> bytes:
        return await self._through("archive", lambda: StoreClient.archive(self, file_id))

    async def heartbeat(self, fence: Fence, state: bytes | None = None) -> Beat:
        return await self._through("heartbeat", lambda: StoreClient.heartbeat(self, fence, state))

    async def append_logs(self, fence: Fence, number: int, lines: Sequence[Line]) -> None:
        await self._through("append_logs", lambda: StoreClient.append_logs(self, fence, number, lines))

    async def commit_quota(self, fence: Fence, number: int, build: BuildWork, cost: int) -> QuotaCommit:
        return await self._through(
            "commit_quota", lambda: StoreClient.commit_quota(self, fence, number, build, cost)
        )

    async def begin_apply(self, fence: Fence, number: int, build: BuildWork, cost: int) -> None:
        await self._through("begin_apply", lambda: StoreClient.begin_apply(self, fence, number, build, cost))

    async def release(self, fence: Fence) -> bool:
        return await self._through("release", lambda: StoreClient.release(self, fence))

    async def finish(self, fence: Fence, number: int, outcome: Outcome, lines: Sequence[Line]) -> None:
        await self._through("finish", lambda: StoreClient.finish(self, fence, number, outcome, lines))


class MarkedEcho(EchoProvisioner):
    """Echo that says when a phase begins and ends, and breaks where the test says."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.events: list[str] = []
        self.errors: dict[str, Exception] = {}
        self._begun: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)
        self._over: defaultdict[str, asyncio.Event] = defaultdict(asyncio.Event)

    async def begun(self, phase: str) -> None:
        async with asyncio.timeout(GUARD_SECONDS):
            await self._begun[phase].wait()

    async def over(self, phase: str) -> None:
        """Wait until the phase has ended, in whatever way."""
        async with asyncio.timeout(GUARD_SECONDS):
            await self._over[phase].wait()

    async def plan(
        self, source: Path, request: Request, log: LogSink, interrupt: asyncio.Event
    ) -> PlanResult:
        return await self._marked("plan", super().plan(source, request, log, interrupt))

    async def apply(
        self,
        source: Path,
        request: Request,
        log: LogSink,
        interrupt: asyncio.Event,
        *,
        checkpoint: Checkpoint = unsaved,
    ) -> ApplyResult:
        call = super().apply(source, request, log, interrupt, checkpoint=checkpoint)
        return await self._marked("apply", call)

    async def _marked(self, phase: str, call: Coroutine[object, object, T]) -> T:
        self._begun[phase].set()
        try:
            if phase in self.errors:
                raise self.errors[phase]
            answer = await call
        except asyncio.CancelledError:
            self.events.append(f"{phase} killed")
            raise
        else:
            self.events.append(phase)
            return answer
        finally:
            call.close()
            self._over[phase].set()
