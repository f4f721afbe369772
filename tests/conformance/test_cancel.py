"""Cancelling: a compare-and-set against the claim."""

import asyncio

import pytest

from db.errors import NotFound, RequestError
from db.ids import JobId, new_id
from db.records import User
from db.states import BuildStatus, JobStatus
from db.tables import templates
from db.transactions import Connection
from provisioner.cancel import cancel_build
from tests.scenario import Scenario


async def test_a_pending_job_is_cancelled_at_once_and_a_new_build_is_possible(scenario: Scenario) -> None:
    build = await scenario.create()

    status = await scenario.cancel(build.job.id)

    assert status is JobStatus.CANCELED
    canceled = await scenario.build(build.id)
    assert (canceled.status, canceled.job.error) == (BuildStatus.CANCELED, None)
    assert (await scenario.request(build.workspace_id)).build_number == 2


async def test_a_running_job_is_marked_and_its_runner_woken(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)

    with scenario.client.cancels(run.claim.fence) as cancels:
        status = await scenario.cancel(build.job.id)
        async with asyncio.timeout(20):
            assert await cancels.wait(None)

    assert status is JobStatus.CANCELING
    await run.finish(JobStatus.CANCELED)
    assert (await scenario.job(build.job.id)).status is JobStatus.CANCELED


@pytest.mark.parametrize(
    ("started", "expected", "status_code"),
    [(False, "running", 412), (True, "pending", 412), (False, "succeeded", 400), (True, "nonsense", 400)],
)
async def test_a_job_in_another_status_than_expected_is_not_cancelled(
    scenario: Scenario, *, started: bool, expected: str, status_code: int
) -> None:
    build = await scenario.create()
    if started:
        await scenario.claimed(build.job.id)

    with pytest.raises(RequestError) as refused:
        await scenario.cancel(build.job.id, expect_status=expected)

    assert refused.value.status_code == status_code
    assert (await scenario.job(build.job.id)).canceled_at is None


@pytest.mark.parametrize(("started", "expected"), [(False, "pending"), (True, "running")])
async def test_a_job_in_the_expected_status_is_cancelled(
    scenario: Scenario, *, started: bool, expected: str
) -> None:
    build = await scenario.create()
    if started:
        await scenario.claimed(build.job.id)

    await scenario.cancel(build.job.id, expect_status=expected)

    assert (await scenario.job(build.job.id)).canceled_at is not None


async def test_a_completed_job_cannot_be_cancelled(scenario: Scenario) -> None:
    build, run = await scenario.started()
    await run.finish()

    with pytest.raises(RequestError) as refused:
        await scenario.cancel(build.job.id)

    assert refused.value.status_code == 400
    assert (await scenario.job(build.job.id)).status is JobStatus.SUCCEEDED


async def test_a_job_is_cancelled_only_once(scenario: Scenario) -> None:
    build = await scenario.create()
    await scenario.claimed(build.job.id)
    await scenario.cancel(build.job.id)

    with pytest.raises(RequestError) as refused:
        await scenario.cancel(build.job.id)

    assert refused.value.status_code == 400


async def test_a_job_that_does_not_exist_is_not_found(scenario: Scenario) -> None:
    with pytest.raises(NotFound):
        await scenario.cancel(JobId(new_id()))


async def test_a_claim_and_a_cancel_at_the_same_moment_agree_on_what_happened(scenario: Scenario) -> None:
    for _ in range(100):
        build = await scenario.create()

        claimed, status = await asyncio.gather(scenario.daemon.claim(), scenario.cancel(build.job.id))

        job = await scenario.job(build.job.id)
        if claimed is None:
            assert (status, job.status) == (JobStatus.CANCELED, JobStatus.CANCELED)
        else:
            assert (status, job.status) == (JobStatus.CANCELING, JobStatus.CANCELING)
            await claimed.finish(JobStatus.CANCELED)


async def test_a_cancel_that_comes_too_late_is_cleared_and_leaves_one_line(scenario: Scenario) -> None:
    build, run = await scenario.started(10)
    await scenario.cancel(build.job.id)

    await run.finish()

    job = await scenario.job(build.job.id)
    assert (job.status, job.canceled_at) == (JobStatus.SUCCEEDED, None)
    assert len(await scenario.logs(build.job.id)) == 1
    assert await scenario.consumed() == 10


async def test_a_cancelled_build_has_its_failed_apply_as_failure(scenario: Scenario) -> None:
    build, run = await scenario.started(10)
    await scenario.cancel(build.job.id)

    await run.finish(JobStatus.FAILED, error="interrupted", state=b"half", applied=True)

    assert (await scenario.build(build.id)).status is BuildStatus.FAILED
    assert await scenario.state(build.id) == b"half"


def forbid_cancels(conn: Connection) -> None:
    conn.run(templates.update().values(allow_user_cancel_workspace_jobs=False))


async def cancelled_by(scenario: Scenario, actor: User, *, started: bool) -> JobStatus:
    build = await scenario.create(user=actor)
    if started:
        await scenario.claimed(build.job.id)
    return await scenario.store.write(cancel_build, actor, build.id)


async def test_a_template_may_forbid_plain_users_to_cancel_running_builds(scenario: Scenario) -> None:
    await scenario.store.write(forbid_cancels)
    bob = await scenario.member("bob")

    with pytest.raises(RequestError) as refused:
        await cancelled_by(scenario, bob, started=True)

    assert refused.value.status_code == 403


async def test_pending_builds_may_be_cancelled_whatever_the_template_says(scenario: Scenario) -> None:
    await scenario.store.write(forbid_cancels)

    assert await cancelled_by(scenario, await scenario.member("bob"), started=False) is JobStatus.CANCELED


async def test_administrators_may_cancel_whatever_the_template_says(scenario: Scenario) -> None:
    await scenario.store.write(forbid_cancels)

    assert await cancelled_by(scenario, scenario.user, started=True) is JobStatus.CANCELING


async def test_a_stranger_does_not_learn_that_the_build_exists(scenario: Scenario) -> None:
    build = await scenario.create()

    with pytest.raises(NotFound):
        await scenario.store.write(cancel_build, await scenario.member("bob"), build.id)


async def test_cancelling_a_build_wakes_those_who_watch_it(scenario: Scenario) -> None:
    build = await scenario.create()
    with scenario.store.wakeups.subscribe(f"build:{build.id}") as watch:
        await scenario.store.write(cancel_build, scenario.user, build.id)
        async with asyncio.timeout(20):
            assert await watch.wait(None)
