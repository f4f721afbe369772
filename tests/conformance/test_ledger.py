"""What each event does to a workspace's charge, and what a commit decides."""

import pytest

from db import users, workspaces
from db.clock import FakeClock
from db.ids import GroupId, WorkspaceId
from db.records import User
from db.states import JobStatus, Transition
from db.tables import groups, organization_members, workspace_charges
from db.tables import workspaces as workspace_table
from db.transactions import Connection, Store
from provisioner.settings import ProvisionerSettings
from quota import NOT_ENFORCED, QuotaCommit, WorkspaceQuota
from quota.check import Charge, Drift, repair
from quota.credits import MAX_CREDITS
from tests.scenario import Scenario

START, STOP, DELETE = Transition.START, Transition.STOP, Transition.DELETE


@pytest.fixture(autouse=True)
async def replayed_ledger(scenario: Scenario) -> object:
    """After every test the ledger equals what replaying the builds says."""
    yield
    assert await scenario.drifts() == []


async def charge(scenario: Scenario, workspace_id: WorkspaceId) -> Charge:
    return await scenario.store.read(_charge, workspace_id)


def _charge(conn: Connection, workspace_id: WorkspaceId) -> Charge:
    row = conn.first(workspace_charges.select().where(workspace_charges.c.workspace_id == workspace_id))
    assert row is not None
    return Charge(confirmed=row.confirmed, reserved=row.reserved)


# The table of events


async def test_a_queued_build_changes_no_charge(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)

    await scenario.request(workspace_id)

    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)


async def test_a_failed_plan_changes_no_charge(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    build = await scenario.request(workspace_id)

    await (await scenario.claimed(build.job.id)).finish(JobStatus.FAILED, error="plan")

    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)


async def test_a_refusal_changes_no_charge_and_keeps_the_planned_cost(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    build = await scenario.request(workspace_id)
    run = await scenario.claimed(build.job.id)

    commit = await run.commit_quota(41)
    await run.refuse()

    assert commit == QuotaCommit(ok=False, credits_consumed=20, budget=40)
    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)
    refused = await scenario.build(build.id)
    assert (refused.planned_cost, refused.daily_cost, refused.job.committed_at) == (41, 0, None)


async def test_a_cancel_before_the_commit_changes_no_charge(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    build = await scenario.request(workspace_id)
    run = await scenario.claimed(build.job.id)
    await scenario.cancel(build.job.id)

    await run.finish(JobStatus.CANCELED)

    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)


@pytest.mark.parametrize("cost", [25, 15])
async def test_a_commit_reserves_beside_what_is_confirmed(
    scenario: Scenario, clock: FakeClock, cost: int
) -> None:
    workspace_id = await scenario.running(20)
    build = await scenario.request(workspace_id)
    run = await scenario.claimed(build.job.id)

    commit = await run.commit_quota(cost)

    larger = max(20, cost)
    assert commit == QuotaCommit(ok=True, credits_consumed=larger, budget=40)
    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=cost)
    assert await scenario.consumed() == larger
    committed = await scenario.build(build.id)
    assert (committed.planned_cost, committed.daily_cost) == (cost, cost)
    assert committed.job.committed_at == clock.now()


async def test_a_cancel_after_the_commit_drops_the_reservation_if_nothing_was_applied(
    scenario: Scenario,
) -> None:
    workspace_id = await scenario.running(20)
    build = await scenario.request(workspace_id)
    run = await scenario.claimed(build.job.id)
    await run.commit_quota(30)
    await scenario.cancel(build.job.id)

    await run.finish(JobStatus.CANCELED)

    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)


@pytest.mark.parametrize("transition", [START, STOP])
@pytest.mark.parametrize("cost", [25, 15, 0])
async def test_a_success_confirms_what_it_cost(scenario: Scenario, transition: Transition, cost: int) -> None:
    workspace_id = await scenario.running(20)

    await scenario.apply(workspace_id, transition, cost)

    assert await charge(scenario, workspace_id) == Charge(confirmed=cost, reserved=None)


@pytest.mark.parametrize("transition", [START, STOP])
@pytest.mark.parametrize(("cost", "expected"), [(25, 25), (15, 20), (0, 20)])
async def test_a_failure_after_the_commit_stays_at_the_larger(
    scenario: Scenario, transition: Transition, cost: int, expected: int
) -> None:
    workspace_id = await scenario.running(20)

    await scenario.apply(workspace_id, transition, cost, error="apply failed")

    assert await charge(scenario, workspace_id) == Charge(confirmed=expected, reserved=None)


async def test_a_build_lost_after_the_commit_stays_at_the_larger(
    scenario: Scenario, clock: FakeClock
) -> None:
    build, _ = await scenario.started(25)
    clock.advance(scenario.lost)

    await scenario.reap()

    assert await charge(scenario, build.workspace_id) == Charge(confirmed=25, reserved=None)


async def test_a_build_lost_before_the_commit_changes_no_charge(scenario: Scenario, clock: FakeClock) -> None:
    workspace_id = await scenario.running(20)
    build = await scenario.request(workspace_id)
    await scenario.claimed(build.job.id)
    clock.advance(scenario.lost)

    await scenario.reap()

    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)


@pytest.mark.parametrize("orphan", [False, True])
async def test_a_delete_frees_the_charge(scenario: Scenario, *, orphan: bool) -> None:
    workspace_id = await scenario.running(20)
    build = await scenario.request(workspace_id, "delete", orphan=orphan)
    run = await scenario.claimed(build.job.id)

    await run.begin_apply(5)
    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)
    await run.finish()

    assert await charge(scenario, workspace_id) == Charge(confirmed=0, reserved=None)
    assert await scenario.consumed() == 0


async def test_a_failed_delete_changes_no_charge(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)

    await scenario.apply(workspace_id, DELETE, 0, error="stuck")

    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)


async def test_a_lost_delete_changes_no_charge(scenario: Scenario, clock: FakeClock) -> None:
    workspace_id = await scenario.running(20)
    build = await scenario.request(workspace_id, "delete")
    run = await scenario.claimed(build.job.id)
    await run.begin_apply(7)
    clock.advance(scenario.lost)

    await scenario.reap()

    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)


# The decision


@pytest.mark.parametrize(
    ("held", "cost", "ok"),
    [(0, 40, True), (0, 41, False), (20, 40, True), (20, 41, False), (0, 1, True)],
)
async def test_exactly_the_budget_is_allowed(scenario: Scenario, held: int, cost: int, *, ok: bool) -> None:
    workspace_id = await scenario.running(held)

    assert await scenario.apply(workspace_id, START, cost) == ok


async def test_a_start_that_asks_for_no_more_than_is_held_is_never_refused(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    await scenario.set_budget(0)

    assert await scenario.apply(workspace_id, START, 20)
    assert not await scenario.apply(workspace_id, START, 21)


async def test_a_stop_is_never_refused(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    await scenario.set_budget(0)

    assert await scenario.apply(workspace_id, STOP, 30)


async def test_the_budget_is_the_sum_of_the_users_groups(scenario: Scenario) -> None:
    bob = await scenario.member("bob")
    for name, allowance in (("a", 5), ("b", 7)):
        group = await scenario.store.write(
            users.create_group, scenario.organization_id, name, quota_allowance=allowance
        )
        if name == "a":
            await scenario.store.write(users.add_to_group, group.id, bob.id)

    assert await scenario.quota(bob) == WorkspaceQuota(credits_consumed=0, budget=45)
    assert await scenario.quota() == WorkspaceQuota(credits_consumed=0, budget=40)


async def test_a_commit_counts_the_workspaces_and_groups_of_its_owner_alone(scenario: Scenario) -> None:
    bob = await scenario.member("bob")
    await scenario.running(30)
    group = await scenario.store.write(
        users.create_group, scenario.organization_id, "rich", quota_allowance=1000
    )
    await scenario.store.write(users.add_to_group, group.id, bob.id)
    await scenario.set_budget(40)

    async def committed(owner: User, cost: int) -> QuotaCommit:
        build = await scenario.create(user=owner)
        run = await scenario.claimed(build.job.id)
        decision = await run.commit_quota(cost)
        await (run.finish() if decision.ok else run.refuse())
        return decision

    assert await committed(bob, 25) == QuotaCommit(ok=True, credits_consumed=25, budget=1040)
    assert await committed(scenario.user, 11) == QuotaCommit(ok=False, credits_consumed=30, budget=40)
    assert await committed(scenario.user, 10) == QuotaCommit(ok=True, credits_consumed=40, budget=40)


async def test_who_is_no_member_has_no_budget(scenario: Scenario) -> None:
    stranger = await scenario.store.write(users.create_user, "stranger", [])

    assert (await scenario.quota(stranger)).budget == 0


async def test_other_organizations_never_count(scenario: Scenario) -> None:
    def elsewhere(conn: Connection) -> User:
        organization = users.create_organization(conn, "elsewhere")
        users.set_allowance(conn, GroupId(organization.id), 1000)
        return users.create_user(conn, "both", [organization.id, scenario.organization_id])

    both = await scenario.store.write(elsewhere)

    assert (await scenario.quota(both)).budget == 40


async def test_consumption_follows_the_owner(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    bob = await scenario.member("bob")

    await scenario.store.write(
        lambda conn: conn.run(
            workspace_table.update().where(workspace_table.c.id == workspace_id).values(owner_id=bob.id)
        )
    )

    assert await scenario.consumed() == 0
    assert (await scenario.quota(bob)).credits_consumed == 20


async def test_who_left_the_organization_keeps_what_runs_and_gets_nothing_new(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    await scenario.store.write(lambda conn: conn.run(organization_members.delete()))

    assert await scenario.quota() == WorkspaceQuota(credits_consumed=20, budget=0)
    assert not await scenario.apply(workspace_id, START, 21)
    assert await scenario.apply(workspace_id, STOP, 5)


async def test_without_enforcement_everything_is_ok_and_still_counted(store: Store) -> None:
    scenario = await Scenario.on(store, settings=ProvisionerSettings(quota_enforced=False))
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)

    commit = await run.commit_quota(1000)
    await run.finish()

    assert commit == QuotaCommit(ok=True, credits_consumed=1000, budget=NOT_ENFORCED)
    assert await scenario.quota() == WorkspaceQuota(credits_consumed=1000, budget=40)


async def test_costs_are_64_bit(scenario: Scenario) -> None:
    # More than one group may have; what many groups grant together has to fit as well.
    everything = groups.update().values(quota_allowance=MAX_CREDITS)
    await scenario.store.write(lambda conn: conn.run(everything))
    workspace_id = await scenario.running(MAX_CREDITS)

    assert await scenario.consumed() == MAX_CREDITS
    assert await scenario.apply(workspace_id, START, MAX_CREDITS)


# The check


def falsify(conn: Connection, workspace_id: WorkspaceId, confirmed: int, reserved: int | None) -> None:
    conn.run(
        workspace_charges.update()
        .where(workspace_charges.c.workspace_id == workspace_id)
        .values(confirmed=confirmed, reserved=reserved)
    )


@pytest.mark.requirement("P9")
async def test_a_wrong_row_is_reported_and_repaired(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    untouched = await scenario.running(10)
    workspace = await scenario.store.read(workspaces.workspace, workspace_id)
    await scenario.store.write(falsify, workspace_id, 3, 9)
    expected = Drift(
        workspace_id=workspace_id,
        workspace_name=f"ana/{workspace.name}",
        recorded=Charge(confirmed=3, reserved=9),
        replayed=Charge(confirmed=20, reserved=None),
    )

    assert await scenario.drifts() == [expected]
    assert await scenario.store.write(repair, untouched) is None
    assert await scenario.store.write(repair, workspace_id) == expected
    assert await charge(scenario, workspace_id) == Charge(confirmed=20, reserved=None)


async def test_a_repair_keeps_the_reservation_of_a_build_on_its_way(scenario: Scenario) -> None:
    build, run = await scenario.started(30)
    await scenario.store.write(falsify, build.workspace_id, 5, None)

    await scenario.store.write(repair, build.workspace_id)

    assert await charge(scenario, build.workspace_id) == Charge(confirmed=0, reserved=30)
    await run.finish()
    assert await scenario.consumed() == 30


async def test_a_missing_row_is_reported(scenario: Scenario) -> None:
    workspace_id = await scenario.running(20)
    await scenario.store.write(lambda conn: conn.run(workspace_charges.delete()))

    assert [drift.workspace_id for drift in await scenario.drifts()] == [workspace_id]
    await scenario.store.write(repair, workspace_id)
    assert await scenario.consumed() == 20
