"""The daemon: slots, draining, shutting down, and living on when the store is away."""

import asyncio
from datetime import datetime, timedelta

import pytest

from db.builds import has_unfinished_job
from db.errors import StoreBusy, StoreUnavailable
from db.records import Build
from db.states import BuildStatus, JobErrorCode, JobStatus, Transition
from provisioner.daemons import listed
from provisioner.settings import ProvisionerSettings
from tests.echo_templates import COMPLETE, Step, costing, echo_archive
from tests.integration.provisioner.conftest import Engine
from tests.integration.provisioner.gates import GUARD_SECONDS

NEVER: list[Step] = [{"delay_ms": 3_600_000}, COMPLETE]


async def many(engine: Engine, count: int, **phases: list[dict[str, object]]) -> list[Build]:
    await engine.scenario.set_budget(1000)
    await engine.template(costing(10, **phases))
    return [await engine.scenario.create() for _ in range(count)]


async def active_at_most(engine: Engine, builds: list[Build]) -> int:
    jobs = [await engine.scenario.job(build.job.id) for build in builds]
    return sum(job.status is JobStatus.RUNNING for job in jobs)


async def test_a_daemon_runs_as_many_jobs_at_once_as_it_has_slots(engine: Engine) -> None:
    gate = engine.client.gate("finish")
    builds = await many(engine, 5)
    daemon = await engine.daemon()
    async with asyncio.timeout(GUARD_SECONDS):
        while daemon.active < 3:
            await engine.settled()
    await engine.settled()

    assert await active_at_most(engine, builds) == 3
    gate.open()
    assert {(await engine.ended(build)).status for build in builds} == {BuildStatus.RUNNING}


async def test_many_builds_all_end(engine: Engine) -> None:
    builds = await many(engine, 30)
    for number in range(3):
        await engine.daemon(f"real-{number}")

    assert {(await engine.ended(build)).status for build in builds} == {BuildStatus.RUNNING}
    assert await engine.scenario.consumed() == 300


@pytest.mark.requirement("P8")
async def test_a_draining_daemon_takes_no_more_jobs_and_finishes_those_it_runs(engine: Engine) -> None:
    gate = engine.client.gate("finish")
    first = await engine.playing(10)
    daemon = await engine.daemon()
    await gate.reached()

    daemon.drain()
    await engine.settled()
    second = await engine.scenario.create()
    gate.open()
    async with asyncio.timeout(GUARD_SECONDS):
        await engine.tasks[0]

    assert (await engine.ended(first)).status is BuildStatus.RUNNING
    assert (await engine.scenario.job(second.job.id)).status is JobStatus.PENDING


@pytest.mark.requirement("P8")
@pytest.mark.parametrize("provisioner_settings", [ProvisionerSettings(drain_limit=timedelta(minutes=1))])
async def test_a_daemon_that_drains_too_long_hands_back_what_it_can(engine: Engine) -> None:
    phases: dict[str, list[Step]] = {
        "start.plan": NEVER,
        "plan": [{"complete": {"cost": 10}}],
        "apply": NEVER,
    }
    await engine.template(echo_archive(phases))
    late = await engine.start(await engine.scenario.running(10), Transition.STOP)
    early = await engine.scenario.create()
    daemon = await engine.daemon()
    await engine.echo.begun("plan")
    await engine.echo.begun("apply")

    daemon.drain()
    await engine.pass_time(engine.client.settings.drain_limit + timedelta(seconds=10), timedelta(seconds=5))
    async with asyncio.timeout(GUARD_SECONDS):
        await engine.tasks[0]

    handed_back, failed = await engine.scenario.job(early.job.id), await engine.scenario.job(late.job.id)
    assert (handed_back.status, handed_back.losses) == (JobStatus.PENDING, 0)
    assert (failed.status, failed.error) == (JobStatus.FAILED, "provisioner daemon was shut down")
    assert failed.retryable
    assert daemon.interrupted == 2


@pytest.mark.requirement("P8")
@pytest.mark.parametrize("place", ["archive", "commit_quota"])
async def test_a_daemon_that_ends_at_once_hands_back_what_is_not_committed(
    engine: Engine, place: str
) -> None:
    gate = engine.client.gate(place)
    build = await engine.playing(10)
    daemon = await engine.daemon()
    await gate.reached()

    daemon.cancel()
    gate.open()
    async with asyncio.timeout(GUARD_SECONDS):
        await engine.tasks[0]

    job = await engine.scenario.job(build.job.id)
    if place == "commit_quota":  # the commit was on its way, and counts
        assert (job.status, job.error) == (JobStatus.FAILED, "provisioner daemon was shut down")
    else:
        assert (job.status, job.losses) == (JobStatus.PENDING, 0)
    assert "apply" not in engine.echo.events


@pytest.mark.parametrize(("phase", "status"), [("plan", JobStatus.PENDING), ("apply", JobStatus.FAILED)])
async def test_a_daemon_that_ends_at_once_interrupts_what_runs(
    engine: Engine, phase: str, status: JobStatus
) -> None:
    build = await engine.playing(10, **{phase: NEVER})
    daemon = await engine.daemon()
    await engine.echo.begun(phase)

    daemon.cancel()
    async with asyncio.timeout(GUARD_SECONDS):
        await engine.tasks[0]

    job = await engine.scenario.job(build.job.id)
    assert job.status is status
    if status is JobStatus.FAILED:
        assert (job.error, job.retryable) == ("provisioner daemon was shut down", True)
        assert await engine.scenario.consumed() == 10


@pytest.mark.requirement("P8")
@pytest.mark.parametrize(("phase", "status"), [("plan", JobStatus.PENDING), ("apply", JobStatus.FAILED)])
async def test_a_provisioner_that_does_not_listen_does_not_keep_the_daemon_from_ending(
    engine: Engine, phase: str, status: JobStatus
) -> None:
    deaf = [{"ignore_interrupt": True, "delay_ms": 3_600_000}, COMPLETE]
    build = await engine.playing(10, **{phase: deaf})
    daemon = await engine.daemon()
    await engine.echo.begun(phase)

    daemon.cancel()
    step = engine.client.settings.heartbeat_interval
    await engine.pass_time(engine.client.settings.force_cancel + 4 * step, step)
    async with asyncio.timeout(GUARD_SECONDS):
        await engine.tasks[0]

    assert f"{phase} killed" in engine.echo.events
    assert (await engine.scenario.job(build.job.id)).status is status


async def test_an_import_is_handed_back_when_the_daemon_ends(engine: Engine) -> None:
    archive = echo_archive({"parse": [COMPLETE], "plan": NEVER, "apply": [COMPLETE]})
    _, job_id = await engine.scenario.push("slow", archive=archive)
    daemon = await engine.daemon()
    await engine.echo.begun("plan")

    daemon.cancel()
    async with asyncio.timeout(GUARD_SECONDS):
        await engine.tasks[0]

    assert (await engine.scenario.job(job_id)).status is JobStatus.PENDING


@pytest.mark.requirement("P8")
@pytest.mark.parametrize("end", ["drain", "cancel"])
async def test_a_job_claimed_while_the_daemon_ends_is_not_lost(engine: Engine, end: str) -> None:
    gate = engine.client.gate("claim answered")
    build = await engine.playing(10)
    daemon = await engine.daemon()
    await gate.reached()
    assert (await engine.scenario.job(build.job.id)).status is JobStatus.RUNNING

    getattr(daemon, end)()
    await engine.settled()
    gate.open()
    async with asyncio.timeout(GUARD_SECONDS):
        await engine.tasks[0]

    job = await engine.scenario.job(build.job.id)
    assert (job.status, job.losses) == (JobStatus.PENDING, 0)


@pytest.mark.requirement("P1")
@pytest.mark.parametrize("place", ["claim", "claim answered"])
@pytest.mark.parametrize("error", [StoreBusy, StoreUnavailable])
async def test_a_daemon_lives_on_while_the_store_is_away(
    engine: Engine, place: str, error: type[StoreBusy | StoreUnavailable]
) -> None:
    engine.client.faults[place] += [error("away")] * 3
    build = await engine.playing(10)
    await engine.daemon()

    for _ in range(8):
        await engine.settled()
        engine.clock.advance(timedelta(milliseconds=400))

    ended = await engine.ended(build)
    assert (ended.status, ended.job.attempt) == (BuildStatus.RUNNING, 1)


async def test_a_daemon_says_that_it_lives(engine: Engine) -> None:
    await engine.daemon()
    await engine.settled()
    registered_at = await _last_seen(engine)

    async with asyncio.timeout(GUARD_SECONDS):
        while await _last_seen(engine) == registered_at:
            await engine.pass_time(engine.client.settings.daemon_refresh, timedelta(seconds=30))


async def _last_seen(engine: Engine) -> datetime:
    known = await engine.scenario.store.read(listed, engine.scenario.organization_id)
    return next(daemon.last_seen_at for daemon in known if daemon.name == "real")


async def test_daemons_may_start_and_end_at_any_moment(engine: Engine) -> None:
    builds = await many(engine, 20)
    for number in range(20):
        daemon = await engine.daemon(f"short-{number % 4}")
        for _ in range(number % 5):
            await engine.scenario.store.read(has_unfinished_job)
        if number % 2:
            daemon.drain()
        else:
            daemon.cancel()
    async with asyncio.timeout(GUARD_SECONDS):
        await asyncio.gather(*engine.tasks)
    await engine.daemon("last")

    statuses = [(await engine.ended(build)).status for build in builds]

    assert set(statuses) <= {BuildStatus.RUNNING, BuildStatus.FAILED}
    assert [(await engine.scenario.job(build.job.id)).losses for build in builds] == [0] * 20


# Imports


async def test_an_import_makes_a_version_that_can_be_built(engine: Engine) -> None:
    await engine.daemon()
    version_id, job_id = await engine.scenario.push("echo", archive=costing(7))

    assert (await engine.job_ended(job_id)).status is JobStatus.SUCCEEDED
    assert (await engine.scenario.version(version_id)).start_cost == 7
    assert (await engine.ended(await engine.scenario.create())).daily_cost == 7


@pytest.mark.parametrize(
    ("phases", "error", "code"),
    [
        ({"plan": [COMPLETE]}, "no state: parse", None),
        ({"parse": [{"complete": {"error": "bad"}}]}, "bad", None),
        (
            {"parse": [{"complete": {"variables": [{"name": "b"}, {"name": "a"}]}}]},
            "required template variables need values: a, b",
            JobErrorCode.REQUIRED_TEMPLATE_VARIABLES,
        ),
        (
            {"parse": [COMPLETE], "plan": [{"complete": {"error": "missing parameter: x"}}]},
            "missing parameter: x",
            JobErrorCode.MISSING_TEMPLATE_PARAMETER,
        ),
        (
            {
                "parse": [COMPLETE],
                "plan": [{"complete": {"parameters": [{"name": "a", "type": "string"}] * 2}}],
            },
            'parameter "a" is defined twice',
            None,
        ),
    ],
)
async def test_a_template_that_cannot_be_used_fails_its_import(
    engine: Engine, phases: dict[str, list[dict[str, object]]], error: str, code: str | None
) -> None:
    await engine.daemon()
    _, job_id = await engine.scenario.push("bad", archive=echo_archive(phases))

    job = await engine.job_ended(job_id)

    assert (job.status, job.error, job.error_code) == (JobStatus.FAILED, error, code)


async def test_a_cancelled_import_ends_canceled(engine: Engine) -> None:
    await engine.daemon()
    _, job_id = await engine.scenario.push("slow", archive=echo_archive({"parse": [COMPLETE], "plan": NEVER}))
    await engine.echo.begun("plan")

    await engine.scenario.cancel(job_id)

    assert (await engine.job_ended(job_id)).status is JobStatus.CANCELED
