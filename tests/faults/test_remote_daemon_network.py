"""A remote daemon behind a network that loses, cuts, delays and half-opens its connections."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from db.clock import SystemClock
from db.log_bounds import LOG_LIMIT_BYTES
from db.records import Build
from db.states import BuildStatus, JobStatus
from provisioner import reaper
from provisioner.queue import JOBS
from tests.daemon_server import GUARD_SECONDS
from tests.echo_templates import AGENT, COMPLETE, Step
from tests.integration.remote.conftest import QUICK, Fleet, fleet, provisioner_settings
from tests.proxy import Fault, Proxy, proxy_to

__all__ = ["fleet", "provisioner_settings"]

CALLS = ["/register", "/acquire", "/logs", "/commit-quota", "/heartbeat", "/finish"]
APPLYING: list[Step] = [
    {"log": {"level": "info", "output": "at it"}},
    {"delay_ms": 700},
    {"complete": {"state": "what exists", "resources": [AGENT]}},
]
SLOWLY: list[Step] = [APPLYING[0], {"delay_ms": 1500}, APPLYING[-1]]
LONG_LEASE = replace(QUICK, job_lease=timedelta(seconds=20))
NEVER: list[Step] = [{"delay_ms": 3_600_000}, COMPLETE]


@pytest.fixture
async def proxy(fleet: Fleet) -> AsyncIterator[Proxy]:
    async with proxy_to(fleet.url) as proxy:
        yield proxy


@asynccontextmanager
async def reaped(fleet: Fleet) -> AsyncIterator[None]:
    """Jobs of lost daemons are repaired while the block lasts."""
    task = asyncio.create_task(reaper.run(fleet.scenario.store, fleet.settings))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def applied_once(fleet: Fleet, build: Build) -> None:
    """The build ran as if there had been no fault."""
    done = await fleet.ended(build)
    assert (done.status, done.job.attempt, done.job.losses) == (BuildStatus.RUNNING, 1, 0)
    assert fleet.echo.events == ["plan", "apply"]
    assert await fleet.scenario.state(build.id) == b"what exists"
    outputs = Counter(line.output for line in await fleet.scenario.logs(build.job.id))
    assert outputs["at it"] == 1
    assert set(outputs.values()) == {1}
    assert await fleet.scenario.consumed() == 10


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P2")
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize("fault", [Fault.CUT_REQUEST, Fault.LOSE_ANSWER, Fault.CUT_ANSWER], ids=str)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_call_that_is_cut_off_is_made_again_and_counts_once(
    fleet: Fleet, proxy: Proxy, call: str, fault: Fault
) -> None:
    build = await fleet.playing(10, apply=APPLYING)
    happened = proxy.once(call, fault)
    await fleet.daemon(url=proxy.url)

    await applied_once(fleet, build)
    assert happened.is_set()


@pytest.mark.requirement("P1")
async def test_a_job_that_a_daemon_cannot_read_goes_back_in_line(fleet: Fleet, proxy: Proxy) -> None:
    build = await fleet.playing(10, apply=APPLYING)
    garbled = proxy.once("/acquire", Fault.GARBLE_ANSWER)
    await fleet.daemon(url=proxy.url)

    done = await fleet.ended(build)

    assert garbled.is_set()
    assert (done.status, done.job.attempt, done.job.losses) == (BuildStatus.RUNNING, 2, 0)
    assert fleet.echo.events == ["plan", "apply"]


@pytest.mark.requirement("P2")
async def test_every_lost_answer_in_one_build_still_makes_one_build(fleet: Fleet, proxy: Proxy) -> None:
    build = await fleet.playing(10, apply=APPLYING)
    faults = [proxy.once(call, Fault.LOSE_ANSWER) for call in CALLS]
    await fleet.daemon(url=proxy.url)

    await applied_once(fleet, build)
    assert all(fault.is_set() for fault in faults)


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
# The apply is longer than two heartbeats, so that one comes to be cut, and much shorter than the lease.
@pytest.mark.parametrize(
    "provisioner_settings", [replace(QUICK, job_lease=timedelta(seconds=20))], ids=["long lease"]
)
async def test_a_network_that_is_away_for_less_than_the_lease_costs_nothing(
    fleet: Fleet, proxy: Proxy
) -> None:
    build = await fleet.playing(10, apply=SLOWLY)
    cut = proxy.once("/heartbeat", Fault.CUT_REQUEST)
    await fleet.daemon(url=proxy.url)
    async with asyncio.timeout(GUARD_SECONDS):
        await cut.wait()

    proxy.refuse()
    await fleet.echo.over("apply")
    proxy.restore()

    await applied_once(fleet, build)


@pytest.mark.requirement("P5")
@pytest.mark.parametrize("way", ["silence", "refuse"])
async def test_a_daemon_that_is_cut_off_stops_its_provisioner_before_the_lease_ends(
    fleet: Fleet, proxy: Proxy, way: str
) -> None:
    build = await fleet.playing(10, apply=NEVER)
    await fleet.daemon(url=proxy.url)
    await fleet.echo.begun("apply")

    getattr(proxy, way)()
    await fleet.echo.over("apply")
    assert (await fleet.scenario.job(build.job.id)).status is JobStatus.RUNNING
    proxy.restore()

    failed = await fleet.ended(build)
    assert (failed.status, failed.job.attempt, failed.job.retryable) == (BuildStatus.FAILED, 1, True)
    assert await fleet.scenario.consumed() == 10


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P3")
async def test_a_daemon_that_is_cut_off_for_good_loses_its_build_to_the_reaper_and_works_on(
    fleet: Fleet, proxy: Proxy
) -> None:
    build = await fleet.playing(10, start_apply=NEVER)
    await fleet.daemon(url=proxy.url)
    await fleet.echo.begun("apply")
    proxy.silence()

    async with reaped(fleet):
        failed = await fleet.ended(build)
    proxy.restore()

    assert (failed.status, failed.job.attempt) == (BuildStatus.FAILED, 1)
    deleted = await fleet.ended(await fleet.scenario.request(build.workspace_id, "delete"))
    assert deleted.status is BuildStatus.DELETED
    assert await fleet.scenario.consumed() == 0


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P2")
async def test_an_answer_with_a_job_that_comes_after_its_lease_leaves_the_job_to_the_next_attempt(
    fleet: Fleet, proxy: Proxy
) -> None:
    build = await fleet.playing(10, apply=APPLYING)
    held = proxy.once("/acquire", Fault.HOLD_ANSWER)
    await fleet.daemon(url=proxy.url)
    async with asyncio.timeout(GUARD_SECONDS):
        await held.wait()

    async with reaped(fleet):
        with fleet.scenario.store.wakeups.subscribe(JOBS) as posts:
            async with asyncio.timeout(GUARD_SECONDS):
                while (await fleet.scenario.job(build.job.id)).losses == 0:
                    await posts.wait(None)
        proxy.release()
        done = await fleet.ended(build)

    assert (done.status, done.job.attempt) == (BuildStatus.RUNNING, 2)
    assert fleet.echo.events.count("apply") == 1


class WrongClock(SystemClock):
    """An hour fast, or slow."""

    def __init__(self, error: timedelta) -> None:
        self._error = error

    def now(self) -> datetime:
        return super().now() + self._error


@pytest.mark.requirement("P12")
@pytest.mark.parametrize("hours", [-1, 1])
async def test_a_daemon_whose_clock_is_wrong_by_an_hour_builds_like_any_other(
    fleet: Fleet, hours: int
) -> None:
    build = await fleet.playing(10, apply=APPLYING)
    await fleet.daemon(clock=WrongClock(timedelta(hours=hours)))

    async with reaped(fleet):
        await applied_once(fleet, build)
    dates = [line.created_at for line in await fleet.scenario.logs(build.job.id)]
    assert all(abs(date - SystemClock().now()) < timedelta(minutes=30) for date in dates)


@pytest.mark.requirement("P7")
async def test_a_flood_of_lines_and_a_huge_one_do_not_keep_a_cancel_away(fleet: Fleet) -> None:
    huge: Step = {"log": {"level": "info", "output": "x" * (1 << 20)}}
    many: Step = {"log": {"level": "info", "output": "a line"}, "repeat": 5000}
    build = await fleet.playing(10, plan=[many, huge, *NEVER])
    await fleet.daemon()
    await fleet.echo.begun("plan")

    await fleet.scenario.cancel(build.job.id)

    assert (await fleet.ended(build)).status is BuildStatus.CANCELED
    logs = await fleet.scenario.logs(build.job.id)
    assert sum(line.output == "a line" for line in logs) == 5000
    assert sum(len(line.output) for line in logs) <= LOG_LIMIT_BYTES


@pytest.mark.requirement("P8")
async def test_a_job_that_is_claimed_while_the_daemon_drains_goes_back_in_line(
    fleet: Fleet, proxy: Proxy
) -> None:
    gate = fleet.served.gate("claim answered")
    build = await fleet.playing(10)
    daemon = await fleet.daemon(url=proxy.url)
    await gate.reached()

    daemon.drain()
    gate.open()
    async with asyncio.timeout(GUARD_SECONDS):
        await fleet.tasks[0]

    job = await fleet.scenario.job(build.job.id)
    assert (job.status, job.losses) == (JobStatus.PENDING, 0)
