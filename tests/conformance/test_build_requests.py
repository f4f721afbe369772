"""The checks of a request for a build, in their order."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from db import builds as build_reads
from db.errors import ChattoolError, Conflict, NotFound, RequestError
from db.ids import BuildId, PresetId, TemplateVersionId, WorkspaceId, new_id
from db.records import User
from db.states import JobStatus, Transition
from db.transactions import Store
from provisioner import builds
from provisioner.build_requests import BuildRequest
from provisioner.protocol import Parameter, Preset
from tests.scenario import Scenario, initiator

REGION = Parameter(name="region", default="eu")
SIZE = Parameter(name="size", type="number", default="1", validation_min=1, validation_max=4, mutable=False)
ONCE = Parameter(name="once", default="", ephemeral=True)
BIG = Preset(name="big", parameters={"size": "4"})
FAR = Preset(name="far", parameters={"region": "us"})


async def refused(
    scenario: Scenario, user: User, workspace_id: WorkspaceId, **request: object
) -> RequestError:
    """Why the request was refused."""
    asked = BuildRequest(**{"workspace_id": workspace_id, "transition": "start", **request})  # type: ignore[arg-type]
    with pytest.raises(RequestError) as caught:
        await scenario.store.write(builds.create_build, initiator(user), asked)
    return caught.value


async def importing(scenario: Scenario) -> TemplateVersionId:
    return (await scenario.push("echo"))[0]


async def broken(scenario: Scenario) -> TemplateVersionId:
    version_id, job_id = await scenario.push("echo")
    run = await scenario.claimed(job_id)
    await run.finish(JobStatus.FAILED, error="no such provider")
    return version_id


async def foreign(scenario: Scenario) -> TemplateVersionId:
    return await scenario.import_version("another")


async def test_row_1_an_unknown_transition_is_refused(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    error = await refused(scenario, scenario.user, workspace_id, transition="restart")

    assert (error.status_code, str(error)) == (400, 'Transition "restart" not supported.')


async def test_row_2_a_workspace_that_does_not_exist_is_not_found(scenario: Scenario) -> None:
    error = await refused(scenario, scenario.user, WorkspaceId(new_id()))

    assert isinstance(error, NotFound)


async def test_row_2_a_workspace_of_somebody_else_is_not_found(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    error = await refused(scenario, await scenario.member("bob"), workspace_id)

    assert isinstance(error, NotFound)


@pytest.mark.parametrize(("transition", "action"), [("start", "update"), ("delete", "delete")])
async def test_row_3_who_may_only_look_may_not_build(
    scenario: Scenario, transition: str, action: str
) -> None:
    workspace_id = await scenario.running(0)
    auditor = await scenario.member("eve", roles=["auditor"])

    error = await refused(scenario, auditor, workspace_id, transition=transition)

    assert error.status_code == 403
    assert action in str(error)


async def test_row_4_a_deleted_workspace_is_gone(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)
    await scenario.apply(workspace_id, Transition.DELETE, 0)

    error = await refused(scenario, scenario.user, workspace_id)

    assert error.status_code == 410


async def test_row_5_only_a_delete_may_orphan(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    error = await refused(scenario, scenario.user, workspace_id, transition="stop", orphan=True)

    assert error.status_code == 400


async def test_row_6_orphan_and_a_state_exclude_each_other(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    error = await refused(scenario, scenario.user, workspace_id, transition="delete", orphan=True, state=b"x")

    assert error.status_code == 400


@pytest.mark.parametrize("request_", [{"state": b"x"}, {"transition": "delete", "orphan": True}])
async def test_row_7_only_template_managers_give_a_state(
    scenario: Scenario, request_: dict[str, object]
) -> None:
    bob = await scenario.member("bob")
    build = await scenario.create(user=bob)
    await (await scenario.claimed(build.job.id)).finish()

    error = await refused(scenario, bob, build.workspace_id, **request_)

    assert error.status_code == 403


async def test_row_8_the_only_log_level_is_debug(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    error = await refused(scenario, scenario.user, workspace_id, log_level="trace")

    assert error.status_code == 400


async def test_row_8_only_administrators_may_debug(scenario: Scenario) -> None:
    bob = await scenario.member("bob", roles=["template-admin"])
    build = await scenario.create(user=bob)
    await (await scenario.claimed(build.job.id)).finish()

    error = await refused(scenario, bob, build.workspace_id, log_level="debug")

    assert error.status_code == 403


async def test_the_provisioner_hears_of_the_log_level(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    build = await scenario.request(workspace_id, log_level="debug")

    assert (await (await scenario.claimed(build.job.id)).work()).log_level == "debug"


async def test_row_9_an_unknown_version_is_refused(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    error = await refused(
        scenario, scenario.user, workspace_id, template_version_id=TemplateVersionId(new_id())
    )

    assert (error.status_code, str(error)) == (400, "template version does not exist")


@pytest.mark.parametrize(
    ("version", "status_code", "text"),
    [
        (foreign, 400, "template version doesn't match template"),
        (importing, 406, "The provided template version is pending. Wait for it to complete importing!"),
        (broken, 400, "has failed to import: no such provider"),
    ],
    ids=["row_10_another_template", "row_11_still_importing", "row_12_failed"],
)
async def test_a_version_that_cannot_be_built_is_refused(
    scenario: Scenario, version: Callable[..., object], status_code: int, text: str
) -> None:
    workspace_id = await scenario.running(0)
    version_id = await version(scenario)  # type: ignore[misc]

    error = await refused(scenario, scenario.user, workspace_id, template_version_id=version_id)

    assert error.status_code == status_code
    assert text in str(error)


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"size": "9"}, "size"),
        ({"size": "many"}, "size"),
        ({"size": "2"}, "size"),
    ],
    ids=["unknown", "out_of_range", "mistyped", "immutable"],
)
async def test_row_13_parameters_are_checked(
    scenario: Scenario, parameters: dict[str, str], field: str
) -> None:
    await scenario.import_version("echo", parameters=[REGION, SIZE])
    workspace_id = await scenario.running(0)

    error = await refused(scenario, scenario.user, workspace_id, parameters=parameters)

    assert (error.status_code, str(error)) == (400, f'Unable to validate parameter "{field}"')
    assert [validation.field for validation in error.validations] == [field]


async def test_row_13_a_required_parameter_needs_a_value_on_a_start_only(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)
    await scenario.import_version("echo", parameters=[Parameter(name="token")])

    error = await refused(scenario, scenario.user, workspace_id, use_active_version=True)

    assert [validation.field for validation in error.validations] == ["token"]
    assert (await scenario.request(workspace_id, "stop", use_active_version=True)).build_number == 2


async def test_row_13_every_wrong_parameter_is_named(scenario: Scenario) -> None:
    await scenario.import_version("echo", parameters=[REGION, SIZE])
    workspace_id = await scenario.running(0)

    error = await refused(scenario, scenario.user, workspace_id, parameters={"a": "1", "b": "2", "size": "9"})

    assert sorted(validation.field for validation in error.validations) == ["a", "b", "size"]


async def test_row_13_an_unknown_preset_is_refused(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    error = await refused(scenario, scenario.user, workspace_id, preset_id=PresetId(new_id()))

    assert (error.status_code, error.validations[0].field) == (400, "template_version_preset_id")


@pytest.mark.parametrize("state", ["pending", "running", "canceling"])
async def test_row_14_a_workspace_has_one_build_at_a_time(scenario: Scenario, state: str) -> None:
    build = await scenario.create()
    if state != "pending":
        await scenario.claimed(build.job.id)
    if state == "canceling":
        await scenario.cancel(build.job.id)

    error = await refused(scenario, scenario.user, build.workspace_id)

    assert (error.status_code, str(error)) == (409, "A workspace build is already active.")


async def test_row_14_of_many_requests_at_once_one_wins(scenario: Scenario, other_store: Store) -> None:
    workspace_id = await scenario.running(0)

    async def ask(number: int) -> BuildId | ChattoolError | Exception:
        store = (scenario.store, other_store)[number % 2]
        request = BuildRequest(workspace_id=workspace_id, transition="start")
        try:
            return await store.write(builds.create_build, initiator(scenario.user), request)
        except Conflict as error:
            return builds.refusal(error)
        except RequestError as error:
            return error

    answers = await asyncio.gather(*(ask(number) for number in range(8)))

    refusals = [answer for answer in answers if isinstance(answer, RequestError)]
    assert {error.status_code for error in refusals} == {409}
    assert len(refusals) == 7
    assert len(await scenario.store.read(build_reads.listed, workspace_id)) == 2


@dataclass(kw_only=True)
class Refusal:
    """Two things wrong at once, and the one that answers."""

    request: dict[str, object]
    status_code: int


@pytest.mark.parametrize(
    "refusal",
    [
        Refusal(request={"transition": "x", "orphan": True}, status_code=400),
        Refusal(request={"transition": "stop", "orphan": True, "state": b"x"}, status_code=400),
        Refusal(request={"template_version_id": new_id(), "parameters": {"x": "1"}}, status_code=400),
        Refusal(request={"parameters": {"x": "1"}}, status_code=400),
    ],
)
async def test_the_first_check_that_fails_answers_before_an_active_build(
    scenario: Scenario, refusal: Refusal
) -> None:
    build = await scenario.create()

    error = await refused(scenario, scenario.user, build.workspace_id, **refusal.request)

    assert error.status_code == refusal.status_code


async def test_a_refused_request_leaves_nothing_behind(scenario: Scenario) -> None:
    workspace_id = await scenario.running(0)

    await refused(scenario, scenario.user, workspace_id, parameters={"x": "1"})

    assert len(await scenario.store.read(build_reads.listed, workspace_id)) == 1
    assert await scenario.daemon.claim() is None
