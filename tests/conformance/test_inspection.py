"""The reads of the read-only tools on both stores, and who may make them."""

from datetime import timedelta
from uuid import uuid4

import pytest
from sqlalchemy import update

from chattool.backend import Actor
from chattool.engine.backend import EngineBackend
from chattool.inspection_backend import GroupAllowance
from db import agents
from db.errors import NotFound, RequestError
from db.ids import AgentId, BuildId, OrganizationId, TemplateVersionId, UserId
from db.records import Build
from db.states import AgentLifecycle, LogLevel
from db.tables import templates as template_table
from provisioner.jobs import Imported
from provisioner.protocol import Agent, Parameter, ParameterOption, ParseResult, PlanResult, Preset, Resource
from provisioner.settings import ProvisionerSettings
from quota import NOT_ENFORCED
from tests.scenario import Scenario

DEPRECATE = update(template_table).values(deprecated="use another")


@pytest.fixture
def backend(scenario: Scenario) -> EngineBackend:
    return EngineBackend(scenario.store, scenario.settings, agent_inactive_timeout=timedelta(seconds=30))


@pytest.fixture
def administrator(scenario: Scenario) -> Actor:
    return Actor(user_id=scenario.user.id, roles=tuple(scenario.user.roles))


@pytest.fixture
def owner(scenario: Scenario) -> Actor:
    """The owner of all workspaces here, without any role."""
    return Actor(user_id=scenario.user.id)


def stranger(*roles: str) -> Actor:
    return Actor(user_id=UserId(uuid4()), roles=roles)


async def built(scenario: Scenario, *lines: str) -> Build:
    """A running workspace with one agent, whose first build logged ``lines``."""
    build, run = await scenario.started(20)
    await run.log(*lines)
    agent = Agent(name="main", troubleshooting_url="https://help.example")
    await run.finish(resources=(Resource(type="machine", name="box", daily_cost=20, agents=(agent,)),))
    return await scenario.build(build.id)


async def test_many_builds_are_read_at_once_as_each_is_alone(
    scenario: Scenario, backend: EngineBackend
) -> None:
    done = (await built(scenario)).id
    first, second = (await scenario.create()).id, (await scenario.create()).id

    found = await backend.builds_by_id([done, second, first, BuildId(uuid4())])

    assert found == {each: await backend.build(each) for each in (done, first, second)}
    assert (found[first].job.queue_position, found[second].job.queue_position) == (1, 2)
    assert await backend.builds_by_id([]) == {}


async def test_templates_are_listed_once_they_can_be_built(
    scenario: Scenario, backend: EngineBackend, owner: Actor
) -> None:
    await scenario.push("never-imported")

    (listed,) = await backend.organization_templates(owner, scenario.organization_id)

    assert (listed.id, listed.name, listed.deprecated) == (scenario.template_id, "echo", False)
    assert await backend.organization_templates(owner, OrganizationId(uuid4())) == []


async def test_a_deprecated_template_says_so(
    scenario: Scenario, backend: EngineBackend, owner: Actor
) -> None:
    await scenario.store.write(lambda conn: conn.run(DEPRECATE))

    (listed,) = await backend.organization_templates(owner, scenario.organization_id)

    assert listed.deprecated


async def test_the_first_version_counts_as_active_while_it_imports(
    scenario: Scenario, backend: EngineBackend, owner: Actor
) -> None:
    version_id, job_id = await scenario.push("fresh")
    template_id = (await scenario.version(version_id)).template_id
    assert template_id is not None

    template = await backend.template(owner, template_id)
    importing = await backend.template_version(owner, version_id)
    run = await scenario.claimed(job_id)
    plan = PlanResult(cost=20)
    imported = Imported(
        parsed=ParseResult(readme="# Read"), start=plan, stop=PlanResult(unknown_costs=("x",))
    )
    await run.finish(imported=imported)
    version = await backend.template_version(owner, version_id)

    assert (template.active_version_id, importing.importing) == (version_id, True)
    assert (version.importing, version.readme) == (False, "# Read")
    assert (version.start_cost, version.stop_cost) == (20, None)


async def test_a_template_without_a_usable_version_says_so(
    scenario: Scenario, backend: EngineBackend, owner: Actor
) -> None:
    version_id, job_id = await scenario.push("broken")
    await scenario.cancel(job_id)
    template_id = (await scenario.version(version_id)).template_id
    assert template_id is not None

    with pytest.raises(RequestError, match="no version that was imported successfully") as refused:
        await backend.template(owner, template_id)
    assert refused.value.status_code == 400


async def test_parameters_and_presets_are_those_of_the_import(
    scenario: Scenario, backend: EngineBackend, owner: Actor
) -> None:
    size = Parameter(name="size", type="number", default="1", options=(ParameterOption(name="1", value="1"),))
    preset = Preset(name="small", parameters={"size": "1"}, default=True)
    version_id = await scenario.import_version("rich", parameters=[size], presets=[preset])

    (found,) = await backend.template_presets(owner, version_id)

    assert await backend.template_parameters(owner, version_id) == [size]
    assert (found.name, found.default) == ("small", True)
    assert await backend.preset_parameters(owner, version_id) == {found.id: {"size": "1"}}


async def test_a_build_log_is_read_from_where_one_left_off(
    scenario: Scenario, backend: EngineBackend, owner: Actor
) -> None:
    build = await built(scenario, "1", "2", "3")

    first = await backend.build_log(owner, build.id, after=0, limit=2)
    rest = await backend.build_log(owner, build.id, after=first.lines[-1].id, limit=2)

    assert [line.output for line in (*first.lines, *rest.lines)] == ["1", "2", "3"]
    assert (first.build.id, first.build.job.status) == (build.id, "succeeded")


async def test_an_agent_log_is_read_from_where_one_left_off(
    scenario: Scenario, backend: EngineBackend, owner: Actor
) -> None:
    (agent,) = await backend.agents((await built(scenario)).id)
    lines = [(LogLevel.INFO, "1"), (LogLevel.ERROR, "2")]
    await scenario.store.write(agents.append_logs, agent.id, lines)
    await scenario.store.write(agents.record_lifecycle, agent.id, AgentLifecycle.START_ERROR)

    first = await backend.agent_log(owner, agent.id, after=0, limit=1)
    rest = await backend.agent_log(owner, agent.id, after=first.lines[-1].id, limit=9)

    assert [(line.level, line.output) for line in (*first.lines, *rest.lines)] == lines
    assert (rest.agent_name, rest.lifecycle_state) == ("main", "start_error")
    assert rest.troubleshooting_url == "https://help.example"


@pytest.mark.parametrize("roles", [(), ("template-admin",)], ids=["member", "template administrator"])
async def test_logs_of_somebody_elses_workspace_do_not_exist(
    scenario: Scenario, backend: EngineBackend, roles: tuple[str, ...]
) -> None:
    build = await built(scenario)
    (agent,) = await backend.agents(build.id)

    with pytest.raises(NotFound):
        await backend.build_log(stranger(*roles), build.id, after=0, limit=1)
    with pytest.raises(NotFound):
        await backend.agent_log(stranger(*roles), agent.id, after=0, limit=1)


@pytest.mark.parametrize("role", ["owner", "auditor"])
async def test_logs_of_all_workspaces_are_open_to_who_may_look_at_everything(
    scenario: Scenario, backend: EngineBackend, role: str
) -> None:
    build = await built(scenario, "1")
    (agent,) = await backend.agents(build.id)

    assert (await backend.build_log(stranger(role), build.id, after=0, limit=1)).lines
    assert (await backend.agent_log(stranger(role), agent.id, after=0, limit=1)).agent_id == agent.id


async def test_what_is_missing_is_not_found(backend: EngineBackend, administrator: Actor) -> None:
    for read in (
        backend.build_log(administrator, BuildId(uuid4()), after=0, limit=1),
        backend.agent_log(administrator, AgentId(uuid4()), after=0, limit=1),
        backend.template_archive(administrator, TemplateVersionId(uuid4())),
        backend.template_parameters(administrator, TemplateVersionId(uuid4())),
    ):
        with pytest.raises(NotFound):
            await read


@pytest.mark.parametrize("role", ["owner", "template-admin"])
async def test_the_source_of_a_version_is_what_was_pushed(
    scenario: Scenario, backend: EngineBackend, role: str
) -> None:
    version_id, _ = await scenario.push("source", archive=b"its tar")

    assert await backend.template_archive(stranger(role), version_id) == b"its tar"


async def test_sources_are_closed_to_plain_members(
    scenario: Scenario, backend: EngineBackend, owner: Actor
) -> None:
    version_id, _ = await scenario.push("source")

    with pytest.raises(RequestError) as refused:
        await backend.template_archive(owner, version_id)
    assert refused.value.status_code == 403


async def test_a_quota_statement_adds_up(scenario: Scenario, backend: EngineBackend, owner: Actor) -> None:
    build = await built(scenario)

    statement = await backend.quota_statement(owner, owner.user_id, scenario.organization_id, limit=9)

    assert (statement.quota.credits_consumed, statement.quota.budget) == (20, 40)
    assert [(charge.workspace_id, charge.credits) for charge in statement.charges] == [
        (build.workspace_id, 20)
    ]
    assert statement.groups == [GroupAllowance(name="Everyone", quota_allowance=40)]


async def test_a_quota_that_is_not_enforced_says_so(scenario: Scenario, owner: Actor) -> None:
    settings = ProvisionerSettings(quota_enforced=False)
    backend = EngineBackend(scenario.store, settings, agent_inactive_timeout=timedelta(seconds=30))

    statement = await backend.quota_statement(owner, owner.user_id, scenario.organization_id, limit=9)

    assert statement.quota.budget == NOT_ENFORCED
