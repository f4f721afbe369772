"""Processes that share a database and spend one budget at the same time."""

import asyncio
from collections import Counter

import pytest

from db import builds
from db.clock import SystemClock
from db.engine import open_store
from db.states import JobErrorCode
from db.tables import workspace_builds
from db.transactions import Connection
from tests.conformance.test_imports import EMPTY
from tests.echo_templates import costing
from tests.faults.conftest import Start
from tests.scenario import Scenario

SHARES = {"first": 17, "second": 17, "third": 16}
FIT = 20


def ends(conn: Connection) -> Counter[str]:
    """How the builds have ended, by code."""
    ids = [row.id for row in conn.rows(workspace_builds.select())]
    return Counter(builds.build(conn, each).job.error_code or "fine" for each in ids)


@pytest.mark.requirement("quota-no-overspend")
@pytest.mark.timeout(180)
async def test_fifty_creates_of_three_processes_on_a_budget_for_twenty_leave_twenty_running(
    database_url: str, start: Start
) -> None:
    async with open_store(database_url, migrate=False) as store, asyncio.timeout(150):
        scenario = await Scenario.on(store, allowance=10 * FIT)
        _, job_id = await scenario.push("echo", archive=costing(10))
        await (await scenario.claimed(job_id)).finish(imported=EMPTY)
        daemons = [
            await start("tests.faults.daemon_process", database_url, "-", name) for name in ("one", "two")
        ]
        hosts = [
            await start("tests.faults.creating_host", database_url, name, str(count))
            for name, count in SHARES.items()
        ]
        for child in (*daemons, *hosts):
            await child.said("ready")

        for host in hosts:
            host.go_on()
        for host in hosts:
            await host.said("asked")

        while await store.read(builds.has_unfinished_job):
            await SystemClock().sleep(scenario.settings.retry_backoff[0])
        assert await store.read(ends) == {"fine": FIT, JobErrorCode.INSUFFICIENT_QUOTA.value: 50 - FIT}
        assert await scenario.consumed() == 10 * FIT
        assert await scenario.drifts() == []
