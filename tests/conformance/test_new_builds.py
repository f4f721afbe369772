"""What a build that passes all checks is made of."""

import asyncio

import pytest

from db.errors import RequestError
from db.ids import BuildId, PresetId
from db.records import Build
from db.states import BuildStatus
from db.transactions import Store
from provisioner import builds, tags
from provisioner.build_requests import BuildRequest, WorkspaceRequest
from provisioner.protocol import Parameter, Preset
from tests.played_daemon import PlayedDaemon
from tests.scenario import Scenario, initiator

REGION = Parameter(name="region", default="eu")
SIZE = Parameter(name="size", type="number", default="1", validation_min=1, validation_max=4, mutable=False)
ONCE = Parameter(name="once", default="", ephemeral=True)
BIG = Preset(name="big", parameters={"size": "4"})
FAR = Preset(name="far", parameters={"region": "us"})


async def finished(scenario: Scenario, build: Build, *, state: bytes | None = None) -> Build:
    run = await scenario.claimed(build.job.id)
    await run.finish(state=state)
    return await scenario.build(build.id)


async def test_builds_are_numbered_from_one(scenario: Scenario) -> None:
    build = await finished(scenario, await scenario.create())
    second = await scenario.request(build.workspace_id, "stop")

    assert (build.build_number, second.build_number) == (1, 2)
    assert (second.status, second.initiator_id) == (BuildStatus.PENDING, scenario.user.id)
    assert (await scenario.workspace(build.workspace_id)).latest_build_id == second.id


async def test_a_build_keeps_the_version_of_the_last_one(scenario: Scenario) -> None:
    build = await finished(scenario, await scenario.create())
    newer = await scenario.import_version("echo")

    kept = await finished(scenario, await scenario.request(build.workspace_id))
    active = await finished(scenario, await scenario.request(build.workspace_id, use_active_version=True))
    given = await scenario.request(build.workspace_id, template_version_id=build.template_version_id)

    assert kept.template_version_id == build.template_version_id
    assert active.template_version_id == newer
    assert given.template_version_id == build.template_version_id


async def test_a_build_carries_the_state_of_the_last_one(scenario: Scenario) -> None:
    build = await finished(scenario, await scenario.create(), state=b"one")

    copied = await scenario.request(build.workspace_id, "stop")
    assert await scenario.state(copied.id) == b"one"
    await finished(scenario, copied)
    given = await scenario.request(build.workspace_id, "stop", state=b"given")
    assert await scenario.state(given.id) == b"given"


async def test_parameters_are_inherited_and_overlaid(scenario: Scenario) -> None:
    version_id = await scenario.import_version("echo", parameters=[REGION, SIZE, ONCE], presets=[BIG])
    preset_id = PresetId((await scenario.version(version_id)).presets[0]["id"])  # type: ignore[arg-type]
    request = WorkspaceRequest(
        owner_id=scenario.user.id,
        organization_id=scenario.organization_id,
        template_id=scenario.template_id,
        name="preset",
        preset_id=preset_id,
        parameters={"region": "us", "once": "now"},
    )
    _, build_id = await scenario.store.write(builds.create_workspace, initiator(scenario.user), request)
    first = await finished(scenario, await scenario.build(build_id))

    second = await scenario.request(first.workspace_id, "stop")

    assert dict(first.parameters) == {"region": "us", "size": "4", "once": "now"}
    assert dict(second.parameters) == {"region": "us", "size": "4", "once": ""}
    assert second.preset_id == first.preset_id


async def test_a_preset_of_another_version_is_dropped(scenario: Scenario) -> None:
    version_id = await scenario.import_version("echo", parameters=[REGION], presets=[FAR])
    preset_id = PresetId((await scenario.version(version_id)).presets[0]["id"])  # type: ignore[arg-type]
    workspace_id = await scenario.running(0)
    first = await finished(scenario, await scenario.request(workspace_id, "stop", preset_id=preset_id))
    await scenario.import_version("echo", parameters=[REGION])

    second = await scenario.request(workspace_id, "stop", use_active_version=True)

    assert first.preset_id is not None
    assert second.preset_id is None


async def test_tags_of_a_build_are_those_of_its_version(scenario: Scenario) -> None:
    build = await scenario.create()

    assert dict(build.job.tags) == dict(tags.UNTAGGED)


async def test_tags_for_users_name_the_owner(scenario: Scenario) -> None:
    owner_tags = {"scope": "user", "owner": str(scenario.user.id)}
    scenario.daemon = await PlayedDaemon.register(
        scenario.client, scenario.organization_id, "own", daemon_tags=owner_tags
    )
    await scenario.import_version("echo", version_tags={"scope": "user"})

    build = await scenario.create()

    assert dict(build.job.tags) == owner_tags


async def test_the_same_key_gets_the_same_build(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    first = await scenario.request(workspace_id, idempotency_key="call-1")
    again = await scenario.request(workspace_id, idempotency_key="call-1")

    assert again.id == first.id
    assert first.build_number == 2


async def test_the_same_key_gets_the_same_workspace(scenario: Scenario) -> None:
    request = WorkspaceRequest(
        owner_id=scenario.user.id,
        organization_id=scenario.organization_id,
        template_id=scenario.template_id,
        name="once",
        idempotency_key="call-1",
    )

    first = await scenario.store.write(builds.create_workspace, initiator(scenario.user), request)

    assert await scenario.store.write(builds.create_workspace, initiator(scenario.user), request) == first


async def test_the_same_key_at_the_same_moment_makes_one_build(
    scenario: Scenario, other_store: Store
) -> None:
    workspace_id = await scenario.running(0)
    request = BuildRequest(workspace_id=workspace_id, transition="start", idempotency_key="call-1")

    async def ask(store: Store) -> BuildId:
        return await builds.made(lambda: store.write(builds.create_build, initiator(scenario.user), request))

    answers = await asyncio.gather(*(ask(store) for store in [scenario.store, other_store] * 4))

    assert len(set(answers)) == 1


async def test_a_posted_build_wakes_the_daemons_that_may_take_it(scenario: Scenario) -> None:
    heard: list[str | None] = []
    with scenario.store.wakeups.listening("jobs", heard.append):
        await scenario.create()

    posted = f'["{scenario.organization_id}", "echo", {{"owner": "", "scope": "organization"}}]'
    assert posted in heard


@pytest.mark.parametrize("name", ["", "two words", "-x", "x" * 33, "new", "a/b"])
async def test_a_workspace_needs_a_valid_name(scenario: Scenario, name: str) -> None:
    request = WorkspaceRequest(
        owner_id=scenario.user.id,
        organization_id=scenario.organization_id,
        template_id=scenario.template_id,
        name=name,
    )

    with pytest.raises(RequestError) as caught:
        await scenario.store.write(builds.create_workspace, initiator(scenario.user), request)

    assert (caught.value.status_code, caught.value.validations[0].field) == (400, "name")


async def test_a_name_is_taken_whatever_its_case(scenario: Scenario) -> None:
    await scenario.create(name="Work")

    with pytest.raises(RequestError) as caught:
        await scenario.create(name="work")

    assert (caught.value.status_code, caught.value.validations[0].field) == (409, "name")


async def test_a_template_without_an_imported_version_cannot_be_built(scenario: Scenario) -> None:
    version_id, _ = await scenario.push("fresh")
    scenario.template_id = (await scenario.version(version_id)).template_id or scenario.template_id

    with pytest.raises(RequestError) as caught:
        await scenario.create()

    assert caught.value.status_code == 400
