"""Whole builds while every hint between builders and waiters is lost, doubled or turned around."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from db.clock import SystemClock
from db.engine import open_store
from db.states import BuildStatus
from provisioner.daemon import Daemon
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient, StoreDaemonClient
from tests.conformance.test_imports import EMPTY
from tests.echo_templates import costing
from tests.faults.conftest import GUARD_SECONDS
from tests.integration.provisioner.gates import MarkedEcho
from tests.scenario import Scenario

Notices = list[tuple[str, str]]
POLL = timedelta(milliseconds=100)


def dropped(_notices: Notices) -> Notices:
    return []


def doubled(notices: Notices) -> Notices:
    return [*notices, *notices]


def reordered(notices: Notices) -> Notices:
    return notices[::-1]


@pytest.mark.requirement("P6")
@pytest.mark.parametrize("filter_", [dropped, doubled, reordered])
async def test_builds_end_once_whatever_becomes_of_hints(
    database_url: str, filter_: Callable[[Notices], Notices]
) -> None:
    async with (
        open_store(database_url, migrate=False) as store,
        open_store(database_url, migrate=False) as daemons_store,
        asyncio.timeout(GUARD_SECONDS),
    ):
        scenario = await Scenario.on(store)
        _, job_id = await scenario.push("echo", archive=costing(10))
        await (await scenario.claimed(job_id)).finish(imported=EMPTY)
        for each in (store, daemons_store):
            each.wakeups.filter = filter_
        client = StoreClient(daemons_store, ProvisionerSettings(acquire_poll=POLL))
        echo = MarkedEcho(SystemClock())
        daemon = Daemon(
            StoreDaemonClient(client, scenario.organization_id), [echo], name="hints", version="1"
        )
        task = asyncio.create_task(daemon.run())
        builds = [await scenario.create() for _ in range(3)]

        for build in builds:
            while (await scenario.build(build.id)).job.status.active:
                await store.clock.sleep(POLL)

        daemon.drain()
        await task
        assert [(await scenario.build(each.id)).status for each in builds] == [BuildStatus.RUNNING] * 3
        assert sorted(echo.events) == ["apply"] * 3 + ["plan"] * 3
        assert await scenario.consumed() == 30
        assert await scenario.drifts() == []
