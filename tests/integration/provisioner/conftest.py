"""A real daemon with the echo provisioner on an open store whose clock the test moves."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from db.builds import topic
from db.clock import FakeClock
from db.ids import JobId, WorkspaceId
from db.records import Build, Job
from db.states import Transition
from db.transactions import Store
from provisioner import joblogs
from provisioner.daemon import Daemon
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreDaemonClient
from tests.echo_templates import Step, costing, echo_archive
from tests.integration.provisioner.gates import GUARD_SECONDS, GatedClient, MarkedEcho
from tests.scenario import Scenario
from tests.stores import clock, database_url, sqlite_template, store

__all__ = ["clock", "database_url", "sqlite_template", "store"]


@dataclass(kw_only=True)
class Engine:
    """A scenario with daemons that really run."""

    scenario: Scenario
    client: GatedClient
    clock: FakeClock
    echo: MarkedEcho
    daemons: list[Daemon] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def daemon(self, name: str = "real", *, client: GatedClient | None = None) -> Daemon:
        daemon = Daemon(
            StoreDaemonClient(client or self.client, self.scenario.organization_id),
            [self.echo],
            name=name,
            version="1",
        )
        self.daemons.append(daemon)
        self.tasks.append(asyncio.create_task(daemon.run()))
        async with asyncio.timeout(GUARD_SECONDS):
            await daemon.ready.wait()
        return daemon

    async def template(self, archive: bytes) -> None:
        """Make ``archive`` the template that builds use, without a real import."""
        _, job_id = await self.scenario.push("echo", archive=archive)
        await self._import(job_id)

    async def _import(self, job_id: JobId) -> None:
        from tests.conformance.test_imports import EMPTY  # noqa: PLC0415

        await (await self.scenario.claimed(job_id)).finish(imported=EMPTY)

    async def playing(self, cost: int = 10, **phases: Sequence[Step]) -> Build:
        """A build in line that costs ``cost`` and plays ``phases``."""
        await self.template(costing(cost, **phases))
        return await self.scenario.create()

    async def playing_only(self, **phases: Sequence[Step]) -> Build:
        await self.template(echo_archive(phases))
        return await self.scenario.create()

    async def running(self, cost: int = 10, **phases: Sequence[Step]) -> WorkspaceId:
        """A workspace whose first start was played by hand; later builds play ``phases``."""
        await self.template(costing(cost, **phases))
        return await self.scenario.running(cost)

    async def start(self, workspace_id: WorkspaceId, transition: Transition = Transition.START) -> Build:
        return await self.scenario.request(workspace_id, transition)

    async def ended(self, build: Build) -> Build:
        """The build when it has ended. Time stands still meanwhile."""
        with self.scenario.store.wakeups.subscribe(topic(build.id)) as changes:
            async with asyncio.timeout(GUARD_SECONDS):
                while (found := await self.scenario.build(build.id)).job.status.active:
                    await changes.wait(None)
        return found

    async def job_ended(self, job_id: JobId) -> Job:
        with self.scenario.store.wakeups.subscribe(joblogs.topic(job_id)) as changes:
            async with asyncio.timeout(GUARD_SECONDS):
                while (found := await self.scenario.job(job_id)).status.active:
                    await changes.wait(None)
        return found

    async def released(self, build: Build) -> Build:
        """The build when it waits in line again."""
        with self.scenario.store.wakeups.subscribe("jobs") as posts:
            async with asyncio.timeout(GUARD_SECONDS):
                while (found := await self.scenario.build(build.id)).job.started_at is not None:
                    await posts.wait(None)
        return found

    async def settled(self) -> None:
        """Let everything that can go on without time go on."""
        async with asyncio.timeout(GUARD_SECONDS):
            calls = -1
            while self.client.in_flight or calls != len(self.client.calls):
                calls = len(self.client.calls)
                for _ in range(3):
                    await self.scenario.store.write(lambda _conn: None)

    async def pass_time(self, duration: timedelta, step: timedelta = timedelta(seconds=1)) -> None:
        """Move the clock in steps, so that what wakes in between has its turn."""
        for _ in range(int(duration / step)):
            self.clock.advance(step)
            await self.settled()

    async def outputs(self, build: Build) -> list[str]:
        return [line.output for line in await self.scenario.logs(build.job.id)]

    async def stages(self, build: Build) -> list[str]:
        return list(dict.fromkeys(line.stage for line in await self.scenario.logs(build.job.id)))


@pytest.fixture
def provisioner_settings() -> ProvisionerSettings:
    return ProvisionerSettings()


@pytest.fixture
async def engine(
    store: Store, clock: FakeClock, provisioner_settings: ProvisionerSettings
) -> AsyncIterator[Engine]:
    """Daemons are started by the test and ended here; the ledger has to be right afterwards."""
    client = GatedClient(store, provisioner_settings)
    scenario = await Scenario.on(store, settings=provisioner_settings)
    engine = Engine(scenario=scenario, client=client, clock=clock, echo=MarkedEcho(clock))
    yield engine
    for gate in client.gates.values():
        gate.open()
    for daemon in engine.daemons:
        daemon.cancel()
    async with asyncio.timeout(GUARD_SECONDS):
        while not all(task.done() for task in engine.tasks):
            await engine.settled()
            clock.advance(timedelta(minutes=1))
    await asyncio.gather(*engine.tasks, return_exceptions=True)
    assert await scenario.drifts() == []
