"""The ten worked examples of the specification, number by number."""

import asyncio

import pytest

from db.ids import WorkspaceId
from db.states import JobErrorCode, JobStatus, Transition
from quota import QuotaCommit
from tests.scenario import Scenario

START, STOP, DELETE = Transition.START, Transition.STOP, Transition.DELETE


@pytest.fixture(autouse=True)
async def replayed_ledger(scenario: Scenario) -> object:
    """After every test the ledger equals what replaying the builds says."""
    yield
    assert await scenario.drifts() == []


async def refused_creation(scenario: Scenario, cost: int) -> QuotaCommit:
    """The answer to a new workspace that the quota does not allow."""
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    commit = await run.commit_quota(cost)
    await run.refuse()
    assert not commit.ok
    assert (await scenario.job(build.job.id)).error_code == JobErrorCode.INSUFFICIENT_QUOTA
    return commit


async def a_and_b(scenario: Scenario, a: int = 20, b: int = 20) -> tuple[WorkspaceId, WorkspaceId]:
    return await scenario.running(a), await scenario.running(b)


async def test_example_1_the_first_workspace_fits(scenario: Scenario) -> None:
    await scenario.running(20)

    assert await scenario.consumed() == 20


async def test_example_2_the_third_workspace_does_not_fit(scenario: Scenario) -> None:
    await a_and_b(scenario)

    commit = await refused_creation(scenario, 20)

    assert (commit.credits_consumed, commit.budget) == (40, 40)
    assert await scenario.consumed() == 40


async def test_example_3_a_bigger_restart_is_refused_and_the_workspace_runs_on(scenario: Scenario) -> None:
    a, _ = await a_and_b(scenario)

    assert not await scenario.apply(a, START, 25)
    assert await scenario.consumed() == 40


@pytest.mark.parametrize(("error", "expected"), [("", 35), ("apply failed", 40)])
async def test_example_4_a_smaller_restart_counts_the_old_cost_while_it_applies(
    scenario: Scenario, error: str, expected: int
) -> None:
    a, _ = await a_and_b(scenario)
    build = await scenario.request(a)
    run = await scenario.claimed(build.job.id)

    assert (await run.commit_quota(15)).ok
    assert await scenario.consumed() == 40
    await run.finish(JobStatus.FAILED if error else JobStatus.SUCCEEDED, error=error)

    assert await scenario.consumed() == expected


async def test_example_5_after_a_cut_a_stop_works_and_a_start_does_not(scenario: Scenario) -> None:
    a, _ = await a_and_b(scenario)
    await scenario.set_budget(10)

    assert await scenario.apply(a, STOP, 5)
    assert not await scenario.apply(a, START, 20)
    assert await scenario.consumed() == 25


async def test_example_6_a_failed_start_holds_its_credits_for_the_next(scenario: Scenario) -> None:
    a, _ = await a_and_b(scenario, 5, 20)

    assert await scenario.apply(a, START, 20, error="apply failed")
    assert await scenario.consumed() == 40
    assert await scenario.apply(a, START, 20)
    assert await scenario.consumed() == 40


async def test_example_7_a_cancel_before_the_apply_drops_the_reservation(scenario: Scenario) -> None:
    a, _ = await a_and_b(scenario, 5, 20)
    build = await scenario.request(a)
    run = await scenario.claimed(build.job.id)
    assert (await run.commit_quota(20)).ok
    assert await scenario.consumed() == 40

    await scenario.cancel(build.job.id)
    await run.finish(JobStatus.CANCELED)

    assert await scenario.consumed() == 25


async def test_example_8_credits_are_free_when_the_delete_has_succeeded(scenario: Scenario) -> None:
    a, _ = await a_and_b(scenario)
    await scenario.apply(a, DELETE, 0, error="stuck")
    delete = await scenario.request(a, "delete")
    deleting = await scenario.claimed(delete.job.id)
    await deleting.begin_apply()

    commit = await refused_creation(scenario, 20)
    assert commit.credits_consumed == 40
    await deleting.finish()
    await scenario.running(20)

    assert await scenario.consumed() == 40


@pytest.mark.requirement("quota-no-overspend")
async def test_example_9_of_eight_at_once_exactly_as_many_run_as_fit(scenario: Scenario) -> None:
    await scenario.set_budget(50)
    runs = [await scenario.claimed((await scenario.create()).job.id) for _ in range(8)]

    commits = await asyncio.gather(*(run.commit_quota(10) for run in runs))
    await asyncio.gather(
        *(run.finish() if commit.ok else run.refuse() for run, commit in zip(runs, commits, strict=True))
    )

    assert sorted(commit.ok for commit in commits) == [False] * 3 + [True] * 5
    assert sorted(commit.credits_consumed for commit in commits if commit.ok) == [10, 20, 30, 40, 50]
    assert await scenario.consumed() == 50


async def test_example_10_a_start_for_nothing_needs_no_commit(scenario: Scenario) -> None:
    a = await scenario.running(30)
    await scenario.set_budget(0)
    build = await scenario.request(a)
    run = await scenario.claimed(build.job.id)

    await run.begin_apply()
    assert await scenario.consumed() == 30
    await run.finish()

    assert await scenario.consumed() == 0
