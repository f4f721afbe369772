"""What each workspace of a user holds of the quota."""

from db.states import Transition
from quota.charges import WorkspaceCharge, largest_charges
from tests.scenario import Scenario


async def charged(scenario: Scenario, *, limit: int = 100) -> list[WorkspaceCharge]:
    return await scenario.store.read(largest_charges, scenario.user.id, scenario.organization_id, limit=limit)


async def test_the_workspace_that_holds_most_comes_first(scenario: Scenario) -> None:
    small, large = await scenario.running(5), await scenario.running(20)
    free = await scenario.running(0)

    found = await charged(scenario)

    assert found == [
        WorkspaceCharge(workspace_id=large, workspace_name="ana/w2", credits=20),
        WorkspaceCharge(workspace_id=small, workspace_name="ana/w1", credits=5),
        WorkspaceCharge(workspace_id=free, workspace_name="ana/w3", credits=0),
    ]
    assert sum(each.credits for each in found) == await scenario.consumed()
    assert await charged(scenario, limit=1) == found[:1]


async def test_what_a_build_has_reserved_is_held(scenario: Scenario) -> None:
    build, _ = await scenario.started(20)

    assert [(each.workspace_id, each.credits) for each in await charged(scenario)] == [
        (build.workspace_id, 20)
    ]


async def test_deleted_workspaces_and_those_of_others_are_left_out(scenario: Scenario) -> None:
    gone = await scenario.running(5)
    await scenario.apply(gone, Transition.DELETE, 0)
    await scenario.create(user=await scenario.member("ben"))

    assert await charged(scenario) == []
