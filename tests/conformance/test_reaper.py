"""The repair of jobs whose daemon went away, and the end of those that nobody came for."""

import asyncio
import logging
from dataclasses import replace
from datetime import timedelta

import pytest

from db.builds import has_unfinished_job
from db.clock import FakeClock
from db.states import JobStatus, LogLevel, LogSource
from db.transactions import Store
from provisioner import reaper, stuck_jobs
from provisioner.settings import ProvisionerSettings
from tests.scenario import Scenario

RULER = "===================="
HUNG = "chattool: build detected as hung for 45 seconds"
ABANDONED = "chattool: build detected as abandoned by a daemon that died"
PENDING = "chattool: build detected as pending for 30 minutes"


@pytest.mark.requirement("P4")
async def test_a_job_lost_before_its_point_of_no_return_is_queued_again(
    scenario: Scenario, clock: FakeClock
) -> None:
    build = await scenario.create()
    await scenario.claimed(build.job.id)
    clock.advance(scenario.lost)

    assert await scenario.reap() == 1

    job = await scenario.job(build.job.id)
    assert (job.status, job.losses, job.attempt) == (JobStatus.PENDING, 1, 1)
    assert (job.worker_id, job.lease_until, job.queued_at) == (None, None, clock.now())
    assert len(await scenario.logs(build.job.id)) == 1
    again = await scenario.claimed(build.job.id)
    assert again.claim.fence.attempt == 2


@pytest.mark.requirement("P4")
async def test_jobs_of_a_daemon_known_to_be_dead_are_repaired_before_their_leases_end(
    scenario: Scenario,
) -> None:
    dead, alive = await scenario.another_daemon("dead"), await scenario.another_daemon("alive")
    planned, applied, others = [await scenario.create() for _ in range(3)]
    await scenario.claimed(planned.job.id, dead)
    await (await scenario.claimed(applied.job.id, dead)).pass_point_of_no_return(10)
    await scenario.claimed(others.job.id, alive)

    repaired = await reaper.reap_daemon(scenario.store, scenario.settings, scenario.organization_id, "dead")

    assert repaired == 2
    waiting, failed = [await scenario.job(build.job.id) for build in (planned, applied)]
    assert (waiting.status, waiting.losses) == (JobStatus.PENDING, 1)
    assert (failed.status, failed.error) == (JobStatus.FAILED, f"{ABANDONED} and terminated by the reaper")
    assert f"{ABANDONED}, it will be terminated" in [line.output for line in await scenario.logs(failed.id)]
    assert (await scenario.job(others.job.id)).status is JobStatus.RUNNING
    assert await scenario.consumed() == 10
    assert await scenario.drifts() == []


async def test_each_repair_leaves_a_line_that_says_whose_job_it_was_and_what_became_of_it(
    scenario: Scenario, caplog: pytest.LogCaptureFixture
) -> None:
    dead = await scenario.another_daemon("dead")
    planned, applied = [await scenario.create() for _ in range(2)]
    await scenario.claimed(planned.job.id, dead)
    await (await scenario.claimed(applied.job.id, dead)).pass_point_of_no_return(10)

    with caplog.at_level(logging.WARNING):
        await reaper.reap_daemon(scenario.store, scenario.settings, scenario.organization_id, "dead")

    said = {
        (each["job_id"], each["daemon"], each["attempt"], each["outcome"])
        for each in map(vars, caplog.records)
        if each.get("action") == "reap"
    }
    assert said == {
        (str(planned.job.id), "dead", 1, "requeued"),
        (str(applied.job.id), "dead", 1, "failed"),
    }


@pytest.mark.requirement("P4")
async def test_a_job_that_is_queued_again_wakes_a_daemon(scenario: Scenario, clock: FakeClock) -> None:
    build = await scenario.create()
    await scenario.claimed(build.job.id)
    clock.advance(scenario.lost)

    with scenario.store.wakeups.subscribe("jobs") as jobs:
        await scenario.reap()
        async with asyncio.timeout(20):
            assert await jobs.wait(None)


async def test_a_job_lost_too_often_fails_and_may_be_tried_again(
    scenario: Scenario, clock: FakeClock
) -> None:
    build = await scenario.create()
    for _ in range(3):
        await scenario.claimed(build.job.id)
        clock.advance(scenario.lost)
        await scenario.reap()

    job = await scenario.job(build.job.id)
    assert (job.status, job.attempt, job.retryable) == (JobStatus.FAILED, 3, True)
    assert (job.error, job.error_code) == (f"{HUNG} and terminated by the reaper", None)
    assert await scenario.consumed() == 0


@pytest.mark.requirement("P4")
async def test_a_job_lost_after_its_point_of_no_return_fails_with_its_last_known_state(
    scenario: Scenario, clock: FakeClock
) -> None:
    build, run = await scenario.started(10)
    await run.heartbeat(b"half")
    clock.advance(scenario.lost)

    await scenario.reap()

    job = await scenario.job(build.job.id)
    assert (job.status, job.retryable, job.attempt) == (JobStatus.FAILED, True, 1)
    assert await scenario.state(build.id) == b"half"
    assert await scenario.consumed() == 10
    assert await scenario.drifts() == []


async def test_a_cancelled_job_lost_before_its_point_of_no_return_ends_cancelled(
    scenario: Scenario, clock: FakeClock
) -> None:
    build = await scenario.create()
    await scenario.claimed(build.job.id)
    await scenario.cancel(build.job.id)
    clock.advance(scenario.lost)

    await scenario.reap()

    job = await scenario.job(build.job.id)
    assert (job.status, job.error) == (JobStatus.CANCELED, None)


async def test_a_cancelled_job_lost_after_its_point_of_no_return_fails(
    scenario: Scenario, clock: FakeClock
) -> None:
    build, _ = await scenario.started(10)
    await scenario.cancel(build.job.id)
    clock.advance(scenario.lost)

    await scenario.reap()

    assert (await scenario.job(build.job.id)).status is JobStatus.FAILED
    assert await scenario.consumed() == 10


async def test_a_reaped_build_says_in_its_log_what_happened(scenario: Scenario, clock: FakeClock) -> None:
    build, run = await scenario.started(10)
    await run.log("working", stage="Starting workspace")
    clock.advance(scenario.lost)

    await scenario.reap()

    banner = (await scenario.logs(build.job.id))[1:]
    assert [line.output for line in banner] == ["", RULER, f"{HUNG}, it will be terminated", RULER, ""]
    assert {(line.level, line.source, line.stage) for line in banner} == {
        (LogLevel.ERROR, LogSource.PROVISIONER_DAEMON, "Starting workspace")
    }
    moments = [line.created_at for line in banner]
    assert moments == [moments[0] + timedelta(milliseconds=number) for number in range(5)]


async def test_a_job_that_nobody_came_for_fails(scenario: Scenario, clock: FakeClock) -> None:
    build = await scenario.create()
    clock.advance(scenario.settings.pending_limit + timedelta(seconds=1))

    await scenario.reap()

    job = await scenario.job(build.job.id)
    assert (job.status, job.started_at) == (JobStatus.FAILED, clock.now())
    assert (job.error_code, job.retryable) == (None, None)
    assert job.error == f"{PENDING} and terminated by the reaper"
    assert {line.stage for line in await scenario.logs(build.job.id)} == {"Unknown"}


async def test_a_job_that_waits_since_it_was_queued_again_is_not_old(
    scenario: Scenario, clock: FakeClock
) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    clock.advance(scenario.settings.pending_limit)
    await run.release()
    clock.advance(timedelta(minutes=29))

    assert await scenario.reap() == 0


async def test_without_a_limit_a_job_waits_for_ever(store: Store, clock: FakeClock) -> None:
    scenario = await Scenario.on(store, settings=ProvisionerSettings(pending_limit=timedelta()))
    build = await scenario.create()
    clock.advance(timedelta(days=400))

    assert await scenario.reap() == 0
    assert (await scenario.job(build.job.id)).status is JobStatus.PENDING


@pytest.mark.parametrize("renewed", [False, True])
async def test_a_job_within_lease_and_grace_is_left_alone(
    scenario: Scenario, clock: FakeClock, *, renewed: bool
) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    if renewed:
        clock.advance(scenario.settings.job_lease)
        await run.heartbeat()
    clock.advance(scenario.settings.job_lease + scenario.settings.lease_grace)

    assert await scenario.reap() == 0
    assert (await scenario.job(build.job.id)).status is JobStatus.RUNNING


async def test_a_job_that_came_back_between_the_look_and_the_repair_is_left_alone(
    scenario: Scenario, clock: FakeClock
) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    clock.advance(scenario.lost)
    await run.heartbeat()

    stuck = stuck_jobs.overdue(scenario.settings)
    assert not await scenario.store.write(reaper._repair, build.job.id, scenario.settings, stuck)  # noqa: SLF001
    assert (await scenario.job(build.job.id)).status is JobStatus.RUNNING


async def test_all_lost_jobs_are_repaired_in_one_run_batch_by_batch(store: Store, clock: FakeClock) -> None:
    scenario = await Scenario.on(store, settings=ProvisionerSettings(reaper_batch=3))
    for _ in range(8):
        build = await scenario.create()
        await scenario.claimed(build.job.id)
    clock.advance(scenario.lost)

    assert await scenario.reap() == 8
    assert await scenario.reap() == 0


async def test_two_reapers_at_once_repair_each_job_once(
    scenario: Scenario, other_store: Store, clock: FakeClock
) -> None:
    jobs = []
    for _ in range(12):
        build = await scenario.create()
        jobs.append((await scenario.claimed(build.job.id)).job_id)
    clock.advance(scenario.lost)

    counts = await asyncio.gather(scenario.reap(), reaper.reap(other_store, scenario.settings))

    assert sum(counts) == 12
    assert [(await scenario.job(job)).losses for job in jobs] == [1] * 12


async def test_a_reaped_build_lets_a_new_one_begin(scenario: Scenario, clock: FakeClock) -> None:
    build, _ = await scenario.started(10)
    clock.advance(scenario.lost)
    await scenario.reap()

    again = await scenario.request(build.workspace_id)

    assert again.build_number == 2


async def test_an_orphaning_delete_that_was_lost_gets_the_state_back(
    scenario: Scenario, clock: FakeClock
) -> None:
    workspace_id = await scenario.running(10)
    build = await scenario.request(workspace_id, "delete", orphan=True)
    assert await scenario.state(build.id) == b""
    run = await scenario.claimed(build.job.id)
    await run.begin_apply()
    clock.advance(scenario.lost)

    await scenario.reap()

    assert await scenario.state(build.id) == b"state"


async def test_a_lost_import_is_queued_again(scenario: Scenario, clock: FakeClock) -> None:
    _, job_id = await scenario.push("other")
    await scenario.claimed(job_id)
    clock.advance(scenario.lost)

    await scenario.reap()

    assert (await scenario.job(job_id)).status is JobStatus.PENDING


async def test_the_reaper_sweeps_at_every_interval(scenario: Scenario, clock: FakeClock) -> None:
    settings = replace(scenario.settings, reaper_interval=timedelta(seconds=15))
    build = await scenario.create()
    await scenario.claimed(build.job.id)
    with scenario.store.wakeups.subscribe("jobs") as repaired:
        task = asyncio.create_task(reaper.run(scenario.store, settings))
        try:
            async with asyncio.timeout(10):
                while not clock.sleepers:
                    await scenario.store.read(has_unfinished_job)
                clock.advance(timedelta(minutes=1))
                assert await repaired.wait(None)
        finally:
            task.cancel()
