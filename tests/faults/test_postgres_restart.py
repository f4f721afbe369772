"""A PostgreSQL server that crashes and comes back in the middle of a build."""

import asyncio
import logging

import pytest

from db import migrations
from db.clock import SystemClock
from db.engine import open_store
from db.states import BuildStatus
from provisioner.daemon import Daemon
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreDaemonClient
from tests.conformance.test_imports import EMPTY
from tests.echo_templates import AGENT, Step, costing
from tests.faults.conftest import GUARD_SECONDS
from tests.integration.provisioner.gates import GatedClient, MarkedEcho
from tests.postgres import PostgresDatabases, PostgresServer
from tests.scenario import Scenario

APPLY: list[Step] = [{"delay_ms": 500}, {"complete": {"state": "made", "resources": [AGENT]}}]


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("place", ["archive", "commit_quota", "commit_quota answered", "apply", "finish"])
async def test_a_build_goes_on_after_the_server_crashed_and_came_back(
    postgres_server: PostgresDatabases, place: str
) -> None:
    server = PostgresServer(durable=True)
    with server as databases:
        url = await databases.create_database()
        await asyncio.to_thread(migrations.upgrade, url)
        async with open_store(url) as store:
            scenario = await Scenario.on(store)
            _, job_id = await scenario.push("echo", archive=costing(10, apply=APPLY))
            await (await scenario.claimed(job_id)).finish(imported=EMPTY)
            client = GatedClient(store, ProvisionerSettings())
            gate = client.gate(place)
            echo = MarkedEcho(SystemClock())
            daemon = Daemon(
                StoreDaemonClient(client, scenario.organization_id),
                [echo],
                name="real",
                version="1",
            )
            task = asyncio.create_task(daemon.run())
            await daemon.ready.wait()
            build = await scenario.create()
            await (echo.begun("apply") if place == "apply" else gate.reached())

            await asyncio.to_thread(server.stop, "immediate")
            gate.open()
            await asyncio.to_thread(server.start)
            daemon.drain()
            async with asyncio.timeout(GUARD_SECONDS):
                await task

            assert (await scenario.build(build.id)).status is BuildStatus.RUNNING
            assert echo.events == ["plan", "apply"]
            assert await scenario.consumed() == 10
            assert await scenario.drifts() == []


async def test_a_listener_that_came_back_says_so(caplog: pytest.LogCaptureFixture) -> None:
    server = PostgresServer(durable=True)
    with server as databases:
        url = await databases.create_database()
        await asyncio.to_thread(migrations.upgrade, url)
        async with open_store(url) as store:
            with caplog.at_level(logging.INFO), store.wakeups.subscribe("jobs") as jobs:
                await asyncio.to_thread(server.stop, "immediate")
                await asyncio.to_thread(server.start)
                async with asyncio.timeout(GUARD_SECONDS):
                    assert await jobs.wait(None)

    assert "listening again" in caplog.messages
