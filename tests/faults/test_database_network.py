"""A daemon on PostgreSQL behind a network that cuts, half-opens and loses answers, in each phase."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from urllib.parse import urlsplit

import pytest

from db.builds import topic
from db.clock import SystemClock
from db.engine import open_store
from db.records import Build
from db.states import BuildStatus
from provisioner.daemon import Daemon
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreDaemonClient
from tests.conformance.test_imports import EMPTY
from tests.echo_templates import AGENT, Step, costing
from tests.faults.conftest import GUARD_SECONDS
from tests.integration.provisioner.gates import Gate, GatedClient, MarkedEcho
from tests.proxy import Proxy, proxy_to
from tests.scenario import Scenario

SETTINGS = ProvisionerSettings(
    heartbeat_interval=timedelta(milliseconds=300),
    acquire_poll=timedelta(milliseconds=300),
    retry_backoff=(timedelta(milliseconds=10), timedelta(milliseconds=100)),
)
#: A call to a server that has fallen silent is given up after so long.
PATIENCE = timedelta(seconds=1)
APPLY: list[Step] = [
    {"log": {"level": "info", "output": "at it"}},
    {"delay_ms": 500},
    {"complete": {"state": "made", "resources": [AGENT]}},
]
FAULTS = {"cut": Proxy.refuse, "half open": Proxy.silence, "answers lost": Proxy.swallow}

pytestmark = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


@dataclass(kw_only=True)
class Cut:
    """A scenario on the database itself, and a daemon that reaches it through a proxy."""

    scenario: Scenario
    proxy: Proxy
    client: GatedClient
    daemon: Daemon
    echo: MarkedEcho

    async def ended(self, build: Build) -> Build:
        with self.scenario.store.wakeups.subscribe(topic(build.id)) as changes:
            async with asyncio.timeout(GUARD_SECONDS):
                while (found := await self.scenario.build(build.id)).job.status.active:
                    await changes.wait(timedelta(seconds=1))
        return found


@asynccontextmanager
async def _proxied(database_url: str, proxy: Proxy) -> AsyncIterator[GatedClient]:
    own, other = urlsplit(database_url), urlsplit(proxy.url)
    account = own.netloc.rpartition("@")[0]
    url = own._replace(netloc=f"{account}@{other.netloc}").geturl()
    async with open_store(url, migrate=False) as store:
        yield GatedClient(store.limited(PATIENCE), SETTINGS)


@pytest.fixture
async def cut(database_url: str) -> AsyncIterator[Cut]:
    async with (
        open_store(database_url, migrate=False) as store,
        proxy_to(database_url) as proxy,
        _proxied(database_url, proxy) as client,
    ):
        scenario = await Scenario.on(store)
        _, job_id = await scenario.push("echo", archive=costing(10, apply=APPLY))
        await (await scenario.claimed(job_id)).finish(imported=EMPTY)
        echo = MarkedEcho(SystemClock())
        daemon = Daemon(StoreDaemonClient(client, scenario.organization_id), [echo], name="cut", version="1")
        task = asyncio.create_task(daemon.run())
        await daemon.ready.wait()
        yield Cut(scenario=scenario, proxy=proxy, client=client, daemon=daemon, echo=echo)
        proxy.restore()
        for gate in client.gates.values():
            gate.open()
        daemon.drain()
        async with asyncio.timeout(GUARD_SECONDS):
            await task


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P2")
@pytest.mark.parametrize(
    ("place", "fault"),
    [
        *itertools.product(["claim", "archive", "heartbeat", "finish"], FAULTS),
        # One that is not answered for so long reads as a wait for the quota, which ends the build.
        ("commit_quota", "cut"),
    ],
)
async def test_a_database_that_is_away_in_any_phase_loses_no_build_and_runs_none_twice(
    cut: Cut, place: str, fault: str
) -> None:
    first, again = cut.client.gate(place), Gate()
    build = await cut.scenario.create()
    await first.reached()
    FAULTS[fault](cut.proxy)
    cut.client.gates[place] = again
    first.open()

    await again.reached()  # the call got no answer and is made once more
    cut.proxy.restore()
    again.open()

    done = await cut.ended(build)
    assert (done.status, done.job.attempt, done.job.losses) == (BuildStatus.RUNNING, 1, 0)
    assert cut.echo.events == ["plan", "apply"]
    outputs = [line.output for line in await cut.scenario.logs(build.job.id)]
    assert len(outputs) == len(set(outputs))
    assert await cut.scenario.state(build.id) == b"made"
    assert await cut.scenario.consumed() == 10
    assert await cut.scenario.drifts() == []


@pytest.mark.requirement("P5")
async def test_a_daemon_that_is_cut_off_from_the_database_stops_before_its_lease_ends(
    database_url: str,
) -> None:
    lease = replace(SETTINGS, job_lease=timedelta(seconds=3))
    never = costing(10, apply=[{"delay_ms": 3_600_000}])
    async with open_store(database_url, migrate=False) as store, proxy_to(database_url) as proxy:
        async with _proxied(database_url, proxy) as client:
            client.settings = lease
            scenario = await Scenario.on(store, settings=lease)
            _, job_id = await scenario.push("echo", archive=never)
            await (await scenario.claimed(job_id)).finish(imported=EMPTY)
            echo = MarkedEcho(SystemClock())
            daemon = Daemon(
                StoreDaemonClient(client, scenario.organization_id), [echo], name="cut", version="1"
            )
            task = asyncio.create_task(daemon.run())
            await daemon.ready.wait()
            build = await scenario.create()
            await echo.begun("apply")

            proxy.refuse()
            await echo.over("apply")

            job = await scenario.job(build.job.id)
            assert job.lease_until is not None
            assert store.clock.now() < job.lease_until
            proxy.restore()
            daemon.drain()
            async with asyncio.timeout(GUARD_SECONDS):
                await task
        assert await scenario.drifts() == []
