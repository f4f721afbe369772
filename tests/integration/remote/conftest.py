"""Remote daemons that work for a server on loopback."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta

import pytest

from db import provisioner_keys
from db.builds import topic
from db.clock import Clock, SystemClock
from db.engine import open_store
from db.records import Build
from provisioner import tags
from provisioner.daemon import Daemon
from provisioner.http_client import HttpDaemonClient, most_calls
from provisioner.http_connection import HttpConnection
from provisioner.settings import ProvisionerSettings
from tests.conformance.test_imports import EMPTY
from tests.daemon_server import GUARD_SECONDS, daemon_server
from tests.echo_templates import Step, costing
from tests.integration.provisioner.gates import GatedClient, MarkedEcho
from tests.scenario import Scenario
from tests.stores import clock, database_url, sqlite_template

__all__ = ["clock", "database_url", "sqlite_template"]

#: Some tests start processes in the middle of a build.
BUILD_GUARD_SECONDS = 40
QUICK = ProvisionerSettings(
    job_lease=timedelta(seconds=3),
    heartbeat_interval=timedelta(milliseconds=500),
    lease_grace=timedelta(milliseconds=500),
    reaper_interval=timedelta(milliseconds=200),
    daemon_call_timeout=timedelta(seconds=2),
    reconnect_backoff=(timedelta(milliseconds=10), timedelta(milliseconds=100)),
)


@dataclass(kw_only=True)
class Fleet:
    """A scenario with a server and remote daemons that really run."""

    scenario: Scenario
    served: GatedClient
    """What the server calls, with the test's gates."""
    url: str
    settings: ProvisionerSettings
    stack: AsyncExitStack
    echo: MarkedEcho = field(default_factory=lambda: MarkedEcho(SystemClock()))
    daemons: list[Daemon] = field(default_factory=list)
    tasks: list[asyncio.Task[None]] = field(default_factory=list)

    async def key(self, name: str = "key", **key_tags: str) -> str:
        _, secret = await self.scenario.store.write(
            provisioner_keys.create, self.scenario.organization_id, name, key_tags
        )
        return secret

    async def connection(self, key: str, *, url: str = "") -> HttpConnection:
        return await self.stack.enter_async_context(
            HttpConnection(
                url or self.url,
                key,
                most_calls=most_calls(self.settings),
                call_timeout=self.settings.daemon_call_timeout,
            )
        )

    async def client(self, key: str, *, url: str = "", clock: Clock | None = None) -> HttpDaemonClient:
        connection = await self.connection(key, url=url)
        return HttpDaemonClient(connection, self.settings, clock or SystemClock())

    async def daemon(
        self, key: str = "", *, name: str = "remote", url: str = "", clock: Clock | None = None, **tag: str
    ) -> Daemon:
        client = await self.client(key or await self.key(f"key of {name}"), url=url, clock=clock)
        daemon_tags = {**tags.UNTAGGED, **tag}
        daemon = Daemon(client, [self.echo], name=name, version="1", daemon_tags=daemon_tags)
        self.daemons.append(daemon)
        self.tasks.append(asyncio.create_task(daemon.run()))
        ready = asyncio.create_task(daemon.ready.wait())
        async with asyncio.timeout(GUARD_SECONDS):
            await asyncio.wait({ready, self.tasks[-1]}, return_when=asyncio.FIRST_COMPLETED)
        ready.cancel()
        if self.tasks[-1].done():
            self.tasks[-1].result()
        return daemon

    async def playing(self, cost: int = 10, **phases: Sequence[Step]) -> Build:
        """A build in line that costs ``cost`` and plays ``phases``; call it before there is a daemon."""
        _, job_id = await self.scenario.push("echo", archive=costing(cost, **phases))
        await (await self.scenario.claimed(job_id)).finish(imported=EMPTY)
        return await self.scenario.create()

    async def until(self, build: Build, reached: Callable[[Build], bool]) -> Build:
        """The build as soon as it is so."""
        with self.scenario.store.wakeups.subscribe(topic(build.id)) as changes:
            async with asyncio.timeout(BUILD_GUARD_SECONDS):
                while not reached(found := await self.scenario.build(build.id)):
                    await changes.wait(timedelta(seconds=1))
        return found

    async def ended(self, build: Build) -> Build:
        return await self.until(build, lambda found: not found.job.status.active)


@pytest.fixture
def provisioner_settings() -> ProvisionerSettings:
    return QUICK


@pytest.fixture
async def fleet(database_url: str, provisioner_settings: ProvisionerSettings) -> AsyncIterator[Fleet]:
    """Daemons are started by the test and ended here; the ledger has to be right afterwards."""
    async with open_store(database_url, migrate=False) as store, AsyncExitStack() as stack:
        scenario = await Scenario.on(store, settings=provisioner_settings)
        served = GatedClient(store, provisioner_settings)
        async with daemon_server(store, jobs=served) as url:
            fleet = Fleet(
                scenario=scenario, served=served, url=url, settings=provisioner_settings, stack=stack
            )
            yield fleet
            for gate in served.gates.values():
                gate.open()
            for daemon in fleet.daemons:
                daemon.cancel()
            async with asyncio.timeout(GUARD_SECONDS):
                await asyncio.gather(*fleet.tasks, return_exceptions=True)
        assert await scenario.drifts() == []
