"""Leases, fences and repeated calls: who may still write to a job."""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest

from db.clock import FakeClock
from db.errors import JobCanceled, LeaseLost
from db.records import Build
from db.states import JobStatus
from provisioner.commit import commit_quota
from tests.played_daemon import PlayedRun
from tests.scenario import Scenario

SECOND = timedelta(seconds=1)
CALLS: dict[str, Callable[[PlayedRun], Awaitable[object]]] = {
    "heartbeat": lambda run: run.heartbeat(),
    "checkpoint": lambda run: run.heartbeat(b"stale"),
    "log": lambda run: run.log("stale"),
    "commit_quota": lambda run: run.commit_quota(30),
    "begin_apply": lambda run: run.begin_apply(),
    "finish": lambda run: run.finish(state=b"stale", lines=[run.line("stale")]),
    "fail": lambda run: run.finish(JobStatus.FAILED, error="stale", state=b"stale"),
}
any_call = pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)


async def everything(scenario: Scenario, build: Build) -> tuple[object, ...]:
    """All that a runner could have changed."""
    return (
        await scenario.build(build.id),
        await scenario.state(build.id),
        [line.output for line in await scenario.logs(build.job.id)],
        await scenario.quota(),
    )


@pytest.mark.requirement("P3")
@any_call
async def test_a_zombie_changes_nothing_while_another_daemon_runs_its_job(
    scenario: Scenario, clock: FakeClock, call: Callable[[PlayedRun], Awaitable[object]]
) -> None:
    build = await scenario.create()
    zombie = await scenario.claimed(build.job.id)
    clock.advance(scenario.lost)
    assert await scenario.reap() == 1
    await scenario.claimed(build.job.id, await scenario.another_daemon("second"))
    before = await everything(scenario, build)

    with pytest.raises(LeaseLost):
        await call(zombie)

    assert await everything(scenario, build) == before


@pytest.mark.requirement("P3")
@any_call
async def test_a_zombie_of_the_same_daemon_changes_nothing_in_a_later_attempt(
    scenario: Scenario, clock: FakeClock, call: Callable[[PlayedRun], Awaitable[object]]
) -> None:
    build = await scenario.create()
    zombie = await scenario.claimed(build.job.id)
    clock.advance(scenario.lost)
    await scenario.reap()
    await scenario.claimed(build.job.id)
    before = await everything(scenario, build)

    with pytest.raises(LeaseLost):
        await call(zombie)

    assert await everything(scenario, build) == before


@pytest.mark.requirement("P3")
@any_call
async def test_a_zombie_changes_nothing_after_the_reaper_ended_its_job(
    scenario: Scenario, clock: FakeClock, call: Callable[[PlayedRun], Awaitable[object]]
) -> None:
    build = await scenario.create()
    zombie = await scenario.claimed(build.job.id)
    await scenario.cancel(build.job.id)
    clock.advance(scenario.lost)
    assert await scenario.reap() == 1
    before = await everything(scenario, build)

    with pytest.raises(LeaseLost):
        await call(zombie)

    assert await everything(scenario, build) == before
    assert await scenario.drifts() == []


@pytest.mark.requirement("P3")
@any_call
async def test_a_runner_changes_nothing_after_it_handed_its_job_back(
    scenario: Scenario, call: Callable[[PlayedRun], Awaitable[object]]
) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    await run.release()
    before = await everything(scenario, build)

    with pytest.raises(LeaseLost):
        await call(run)

    assert await everything(scenario, build) == before


async def test_a_late_renewal_is_good_while_nobody_took_the_job(scenario: Scenario, clock: FakeClock) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    clock.advance(scenario.settings.job_lease + SECOND)

    beat = await run.heartbeat()

    assert beat.lease == scenario.settings.job_lease
    assert (await scenario.job(build.job.id)).lease_until == clock.now() + beat.lease
    assert await scenario.reap() == 0


@pytest.mark.parametrize("call", ["commit_quota", "begin_apply"])
async def test_the_point_of_no_return_needs_a_live_lease(
    scenario: Scenario, clock: FakeClock, call: str
) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    clock.advance(scenario.settings.job_lease)

    with pytest.raises(LeaseLost):
        await CALLS[call](run)

    assert (await scenario.job(build.job.id)).committed_at is None
    assert await scenario.consumed() == 0


@pytest.mark.parametrize("call", ["commit_quota", "begin_apply"])
async def test_a_cancelled_job_does_not_pass_its_point_of_no_return(scenario: Scenario, call: str) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    await scenario.cancel(build.job.id)

    with pytest.raises(JobCanceled):
        await CALLS[call](run)

    assert (await scenario.job(build.job.id)).committed_at is None
    assert await scenario.consumed() == 0


async def test_a_heartbeat_brings_the_cancel(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    assert not (await run.heartbeat()).canceled

    await scenario.cancel(build.job.id)

    assert (await run.heartbeat()).canceled


async def test_a_heartbeat_stores_the_state_that_an_apply_has_reached(scenario: Scenario) -> None:
    build, run = await scenario.started()

    await run.heartbeat(b"half")

    assert await scenario.state(build.id) == b"half"


async def test_a_repeated_commit_gets_the_first_answer_and_changes_nothing(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    first = await run.commit_quota(15)
    before = await everything(scenario, build)
    await scenario.set_budget(0)

    run.number -= 1
    again = await run.commit_quota(15)

    assert again == first
    assert (await everything(scenario, build))[:3] == before[:3]


async def test_a_repeated_refused_commit_gets_the_first_answer(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    first = await run.commit_quota(50)
    await scenario.set_budget(100)

    run.number -= 1
    again = await run.commit_quota(50)

    assert (again, again.ok) == (first, False)
    assert (await scenario.job(build.job.id)).committed_at is None


async def test_repeated_log_lines_are_stored_once(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    await run.log("once")

    run.number -= 1
    await run.log("once")

    assert [line.output for line in await scenario.logs(build.job.id)] == ["once"]


async def test_a_repeated_finish_is_answered_and_changes_nothing(scenario: Scenario) -> None:
    build, run = await scenario.started(20)
    await run.finish(state=b"done", lines=[run.line("last")])
    before = await everything(scenario, build)

    run.number -= 1
    await run.finish(state=b"done", lines=[run.line("last")])

    assert await everything(scenario, build) == before


async def test_a_second_finish_is_refused(scenario: Scenario) -> None:
    build, run = await scenario.started(20)
    await run.finish(JobStatus.FAILED, error="broke")
    before = await everything(scenario, build)

    with pytest.raises(LeaseLost):
        await run.finish(state=b"other")

    assert await everything(scenario, build) == before


@pytest.mark.requirement("P3")
async def test_a_commit_that_arrives_after_the_finish_of_its_own_run_charges_nothing(
    scenario: Scenario,
) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    work, delayed = await run.work(), run.next_number()
    await run.finish(JobStatus.FAILED, error="broke")

    with pytest.raises(LeaseLost):
        await scenario.store.write(commit_quota, run.claim.fence, delayed, work, 30, enforced=True)

    assert await scenario.consumed() == 0
    assert await scenario.drifts() == []


async def test_a_released_job_waits_again_without_a_loss(scenario: Scenario, clock: FakeClock) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    clock.advance(SECOND)

    assert await run.release()

    job = await scenario.job(build.job.id)
    assert (job.status, job.worker_id, job.losses) == (JobStatus.PENDING, None, 0)
    assert (job.queued_at, job.lease_until) == (clock.now(), None)
    assert job.created_at < job.queued_at


async def test_a_job_past_its_point_of_no_return_is_not_handed_back(scenario: Scenario) -> None:
    _, run = await scenario.started(10)

    assert not await run.release()

    await run.finish()


async def test_a_cancelled_job_is_not_handed_back(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    await scenario.cancel(build.job.id)

    assert not await run.release()


@pytest.mark.requirement("P12")
async def test_leases_follow_the_clock_of_the_database_not_that_of_the_daemon(
    scenario: Scenario, clock: FakeClock
) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    scenario.client.clock = FakeClock(clock.now() + timedelta(days=1))

    await run.log("from tomorrow")
    await run.heartbeat()

    assert (await scenario.job(build.job.id)).lease_until == clock.now() + scenario.settings.job_lease
    assert await scenario.reap() == 0
