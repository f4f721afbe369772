"""A daemon that is killed, or stands still, in each phase of a build."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from db.builds import topic
from db.clock import FakeClock, SystemClock
from db.engine import open_store
from db.records import Build
from db.states import BuildStatus, JobStatus
from db.transactions import Store
from tests.conformance.test_imports import EMPTY
from tests.echo_templates import COMPLETE, Step, costing
from tests.faults.conftest import GUARD_SECONDS, Start
from tests.scenario import Scenario

DAEMON = "tests.faults.daemon_process"
SLOW: list[Step] = [{"delay_ms": 600_000}, COMPLETE]


@asynccontextmanager
async def later(url: str, scenario: Scenario) -> AsyncIterator[Store]:
    """The database when the lease of a job that begins now has been over for long enough."""
    clock = FakeClock(SystemClock().now() + scenario.lost)
    async with open_store(url, clock=clock, migrate=False) as store:
        yield store


@pytest.fixture
async def scenario(database_url: str) -> AsyncIterator[Scenario]:
    async with open_store(database_url, migrate=False) as store:
        yield await Scenario.on(store)


async def posted(scenario: Scenario, **phases: list[Step]) -> Build:
    """A build of cost 10 in line."""
    _, job_id = await scenario.push("echo", archive=costing(10, **phases))
    await (await scenario.claimed(job_id)).finish(imported=EMPTY)
    return await scenario.create()


async def reaped(url: str, scenario: Scenario) -> int:
    async with later(url, scenario) as store:
        scenario.store, present = store, scenario.store
        try:
            return await scenario.reap()
        finally:
            scenario.store = present


async def ended(scenario: Scenario, build: Build) -> Build:
    with scenario.store.wakeups.subscribe(topic(build.id)) as changes:
        async with asyncio.timeout(GUARD_SECONDS):
            while (found := await scenario.build(build.id)).job.status.active:
                await changes.wait(None)
    return found


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P4")
@pytest.mark.requirement("P9")
@pytest.mark.parametrize("place", ["archive", "commit_quota"])
async def test_a_build_whose_daemon_was_killed_before_the_commit_is_built_by_the_next(
    scenario: Scenario, database_url: str, start: Start, place: str
) -> None:
    build = await posted(scenario)
    first = await start(DAEMON, database_url, place, "first")
    await first.said("reached")
    await first.kill()

    assert await reaped(database_url, scenario) == 1
    assert (await scenario.job(build.job.id)).status is JobStatus.PENDING
    assert await scenario.consumed() == 0
    await start(DAEMON, database_url, "-", "second")

    done = await ended(scenario, build)
    assert (done.status, done.job.attempt, done.job.losses) == (BuildStatus.RUNNING, 2, 1)
    assert await scenario.consumed() == 10
    assert await scenario.drifts() == []


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P4")
@pytest.mark.requirement("P9")
@pytest.mark.parametrize("place", ["commit_quota answered", "apply", "finish"])
async def test_a_build_whose_daemon_was_killed_after_the_commit_fails_and_stays_charged(
    scenario: Scenario, database_url: str, start: Start, place: str
) -> None:
    build = await posted(scenario, **({"apply": SLOW} if place == "apply" else {}))
    daemon = await start(DAEMON, database_url, place, "first")
    await daemon.said("reached")
    await daemon.kill()

    assert await reaped(database_url, scenario) == 1

    failed = await scenario.build(build.id)
    assert (failed.status, failed.job.retryable, failed.job.attempt) == (BuildStatus.FAILED, True, 1)
    assert (failed.job.error or "").startswith("chattool: build detected as hung for 45 seconds")
    assert await scenario.consumed() == 10
    assert await scenario.drifts() == []
    assert (await scenario.request(build.workspace_id)).build_number == 2


@pytest.mark.requirement("P1")
async def test_a_finish_that_was_stored_before_the_kill_stands(
    scenario: Scenario, database_url: str, start: Start
) -> None:
    build = await posted(scenario)
    daemon = await start(DAEMON, database_url, "finish answered", "first")
    await daemon.said("reached")
    await daemon.kill()

    assert await reaped(database_url, scenario) == 0
    assert (await scenario.build(build.id)).status is BuildStatus.RUNNING
    assert await scenario.consumed() == 10


@pytest.mark.requirement("P3")
@pytest.mark.parametrize("place", ["commit_quota", "finish"])
async def test_a_daemon_that_stood_still_for_longer_than_its_lease_writes_nothing_more(
    scenario: Scenario, database_url: str, start: Start, place: str
) -> None:
    build = await posted(scenario)
    daemon = await start(DAEMON, database_url, place, "first")
    await daemon.said("reached")
    daemon.send(signal.SIGSTOP)
    assert await reaped(database_url, scenario) == 1
    before = await scenario.build(build.id), await scenario.logs(build.job.id)

    daemon.send(signal.SIGCONT)
    daemon.go_on()
    await daemon.said("ended")

    assert (await scenario.build(build.id), await scenario.logs(build.job.id)) == before
    assert await scenario.drifts() == []


@pytest.mark.requirement("P4")
async def test_the_real_command_may_be_killed_while_it_applies(
    scenario: Scenario, database_url: str, start: Start
) -> None:
    build = await posted(scenario, apply=SLOW)
    daemon = await start("chattool", "daemon", "--url", database_url)
    with scenario.store.wakeups.subscribe(topic(build.id)) as changes:
        async with asyncio.timeout(GUARD_SECONDS):
            while (await scenario.job(build.job.id)).stage != "Starting workspace":
                await changes.wait(None)
    await daemon.kill()

    assert await reaped(database_url, scenario) == 1
    assert (await scenario.build(build.id)).status is BuildStatus.FAILED
    assert await scenario.consumed() == 10
    assert await scenario.drifts() == []
