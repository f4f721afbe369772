"""Who uses which templates, as the ranking of templates reads it."""

from datetime import timedelta

from db import template_usage
from db.clock import FakeClock
from db.ids import TemplateId, WorkspaceId
from db.records import TemplateUsage, User
from db.states import Transition
from tests.scenario import Scenario

DAY = timedelta(days=1)


async def usage(scenario: Scenario, user: User | None = None) -> dict[TemplateId, TemplateUsage]:
    return await scenario.store.read(
        template_usage.usage,
        (user or scenario.user).id,
        scenario.organization_id,
        removed_after=scenario.store.clock.now() - 60 * DAY,
    )


async def run_workspace(scenario: Scenario, user: User) -> WorkspaceId:
    build = await scenario.create(user=user)
    run = await scenario.claimed(build.job.id)
    await run.pass_point_of_no_return(0)
    await run.finish()
    return build.workspace_id


async def test_a_template_that_nobody_uses_is_left_out(scenario: Scenario) -> None:
    assert await usage(scenario) == {}


async def test_own_workspaces_are_counted_once_however_often_they_were_built(
    scenario: Scenario, clock: FakeClock
) -> None:
    workspace_id = await scenario.running(0)
    await scenario.running(0)
    clock.advance(DAY)
    started_at = clock.now()
    await scenario.apply(workspace_id, Transition.START, 0)
    clock.advance(DAY)
    await scenario.apply(workspace_id, Transition.STOP, 0)

    assert await usage(scenario) == {
        scenario.template_id: TemplateUsage(active=2, last_used_at=started_at, developers=1)
    }


async def test_a_removed_workspace_counts_for_a_while(scenario: Scenario, clock: FakeClock) -> None:
    created_at = clock.now()
    workspace_id = await scenario.running(0)
    clock.advance(DAY)
    await scenario.apply(workspace_id, Transition.DELETE, 0)

    clock.advance(60 * DAY)
    lately = await usage(scenario)
    clock.advance(timedelta(seconds=1))
    before = await usage(scenario)

    assert lately == {scenario.template_id: TemplateUsage(removed=1, last_used_at=created_at)}
    assert before == {scenario.template_id: TemplateUsage(last_used_at=created_at)}


async def test_the_use_of_others_only_makes_them_developers(scenario: Scenario) -> None:
    ben, eva = await scenario.member("ben"), await scenario.member("eva")
    await run_workspace(scenario, ben)
    await run_workspace(scenario, ben)
    of_eva = await run_workspace(scenario, eva)
    await scenario.apply(of_eva, Transition.DELETE, 0)

    own = (await usage(scenario))[scenario.template_id]
    of_ben = (await usage(scenario, ben))[scenario.template_id]

    assert own == TemplateUsage(developers=1)
    assert (of_ben.active, of_ben.developers) == (2, 1)


async def test_templates_are_told_apart(scenario: Scenario) -> None:
    await scenario.running(0)
    first = scenario.template_id
    version_id = await scenario.import_version("other")
    scenario.template_id = (await scenario.version(version_id)).template_id or first
    await scenario.running(0)
    await scenario.running(0)

    counts = {template_id: used.active for template_id, used in (await usage(scenario)).items()}

    assert counts == {first: 1, scenario.template_id: 2}
