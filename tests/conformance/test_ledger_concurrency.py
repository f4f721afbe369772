"""Commits at the same moment: they take turns where they share a budget, and only there."""

import asyncio
from datetime import timedelta
from functools import partial

import pytest

from db.clock import FakeClock
from db.ids import WorkspaceId
from db.states import JobStatus
from db.transactions import Connection, Store
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient
from quota import QuotaLockTimeout, ledger
from tests.held import held
from tests.played_daemon import PlayedRun
from tests.scenario import Scenario

# SQLite has one writer at a time: there it is the store that waits, not a quota lock.
on_postgres = pytest.mark.parametrize("database_url", ["postgres"], indirect=True)


async def claimed_builds(scenario: Scenario, count: int) -> list[PlayedRun]:
    return [await scenario.claimed((await scenario.create()).job.id) for _ in range(count)]


@pytest.mark.requirement("quota-no-overspend")
@pytest.mark.parametrize(("cost", "budget", "fit"), [(1, 20, 20), (7, 100, 14), (20, 40, 2)])
async def test_of_many_commits_at_once_exactly_as_many_are_ok_as_fit(
    scenario: Scenario, other_store: Store, cost: int, budget: int, fit: int
) -> None:
    await scenario.set_budget(budget)
    runs = await claimed_builds(scenario, 25)
    clients = [scenario.client, StoreClient(other_store, scenario.settings)]
    for number, run in enumerate(runs):
        run.client = clients[number % 2]

    commits = await asyncio.gather(*(run.commit_quota(cost) for run in runs))

    assert sum(commit.ok for commit in commits) == fit
    assert await scenario.consumed() == fit * cost
    assert {commit.credits_consumed for commit in commits if not commit.ok} <= {fit * cost}
    assert await scenario.drifts() == []


@pytest.mark.requirement("quota-no-overspend")
async def test_commits_finishes_and_deletes_at_once_never_overspend(scenario: Scenario) -> None:
    await scenario.set_budget(30)
    highest = 0

    async def live(number: int) -> None:
        nonlocal highest
        run = runs[number]
        commit = await run.commit_quota(10)
        if not commit.ok:
            await run.refuse()
            return
        highest = max(highest, commit.credits_consumed)
        outcome = (JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.CANCELED)[number % 3]
        await run.finish(outcome, error="failed" if outcome is JobStatus.FAILED else "")

    runs = await claimed_builds(scenario, 18)
    await asyncio.gather(*(live(number) for number in range(18)))

    assert highest <= 30
    assert await scenario.consumed() <= 30
    assert await scenario.drifts() == []


@pytest.mark.requirement("quota-owners-independent")
@on_postgres
async def test_owners_do_not_wait_for_each_other(scenario: Scenario, other_store: Store) -> None:
    his = await scenario.create(user=await scenario.member("bob"))
    run = await scenario.claimed(his.job.id)
    mine = await scenario.create()

    async with held(other_store, partial(_lock, mine.workspace_id)), asyncio.timeout(20):
        commit = await run.commit_quota(10)

    assert commit.ok


def _lock(workspace_id: WorkspaceId, conn: Connection) -> None:
    ledger.lock(conn, workspace_id)


@pytest.mark.requirement("quota-lock-timeout-is-no-refusal")
async def test_waiting_too_long_for_the_quota_is_no_refusal(
    store: Store, other_store: Store, clock: FakeClock
) -> None:
    patience = timedelta(milliseconds=200)
    scenario = await Scenario.on(store, settings=ProvisionerSettings(quota_lock_timeout=patience))
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    work = await run.work()

    async with held(other_store, partial(_lock, build.workspace_id)):
        with pytest.raises(QuotaLockTimeout) as late:
            await scenario.client.commit_quota(run.claim.fence, run.next_number(), work, 10)

    assert (late.value.code, late.value.waited) == ("QUOTA_LOCK_TIMEOUT", patience)
    assert (await scenario.job(build.job.id)).committed_at is None
    assert await scenario.consumed() == 0
    assert (await run.commit_quota(10)).ok


@on_postgres
async def test_a_heartbeat_does_not_wait_for_the_quota(scenario: Scenario, other_store: Store) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)

    async with held(other_store, partial(_lock, build.workspace_id)), asyncio.timeout(20):
        waiting = asyncio.create_task(run.commit_quota(10))
        assert not (await run.heartbeat()).canceled
        assert not waiting.done()

    assert (await waiting).ok
