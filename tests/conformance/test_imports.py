"""Template versions: from the push to the version that builds use."""

import asyncio
from datetime import timedelta

import pytest

from db import templates, users
from db.clock import FakeClock
from db.errors import RequestError
from db.ids import JobId, TemplateVersionId
from db.states import JobErrorCode, JobStatus, ProvisionerType
from db.transactions import Store
from provisioner import imports
from provisioner.jobs import Imported
from provisioner.protocol import Parameter, ParseResult, PlanResult, Variable
from tests.scenario import Scenario

EMPTY = Imported(parsed=ParseResult(), start=PlanResult(), stop=PlanResult())


async def active_version(scenario: Scenario) -> TemplateVersionId | None:
    return (await scenario.store.read(templates.template, scenario.template_id)).active_version_id


async def test_a_version_is_used_when_its_import_has_succeeded(scenario: Scenario) -> None:
    before = await active_version(scenario)
    version_id, job_id = await scenario.push("echo")
    assert await active_version(scenario) == before

    await (await scenario.claimed(job_id)).finish(imported=EMPTY)

    assert await active_version(scenario) == version_id


@pytest.mark.parametrize("status", [JobStatus.FAILED, JobStatus.CANCELED])
async def test_a_version_whose_import_did_not_succeed_is_not_used(
    scenario: Scenario, status: JobStatus
) -> None:
    before = await active_version(scenario)
    _, job_id = await scenario.push("echo")

    await (await scenario.claimed(job_id)).finish(status, error="broken")

    assert await active_version(scenario) == before


async def test_an_older_version_does_not_replace_a_newer_one_when_its_import_takes_longer(
    scenario: Scenario, clock: FakeClock
) -> None:
    _, older_job = await scenario.push("echo")
    older = await scenario.claimed(older_job)
    clock.advance(timedelta(seconds=1))
    newer_version = await scenario.import_version("echo")

    await older.finish(imported=EMPTY)

    assert await active_version(scenario) == newer_version


async def test_what_an_import_found_is_stored(scenario: Scenario) -> None:
    version_id, job_id = await scenario.push("other")
    parsed = ParseResult(
        display_name="Other",
        description="A template.",
        icon="/icon.svg",
        ttl=timedelta(hours=1),
        readme="# Other",
        variables=(Variable(name="zone", default="a"),),
    )
    start = PlanResult(cost=20, parameters=(Parameter(name="region", default="eu"),))

    run = await scenario.claimed(job_id)
    await run.finish(imported=Imported(parsed=parsed, start=start, stop=PlanResult(cost=5)))

    version = await scenario.version(version_id)
    template = await scenario.store.read(templates.template, version.template_id or scenario.template_id)
    assert (version.readme, version.start_cost, version.stop_cost) == ("# Other", 20, 5)
    assert [parameter["name"] for parameter in version.parameters] == ["region"]
    assert [variable["name"] for variable in version.variables] == ["zone"]
    assert (template.display_name, template.description) == ("Other", "A template.")
    assert (template.icon, template.default_ttl_ms) == ("/icon.svg", 3_600_000)


async def test_the_code_of_a_failed_import_is_stored(scenario: Scenario) -> None:
    _, job_id = await scenario.push("other")

    run = await scenario.claimed(job_id)
    await run.finish(JobStatus.FAILED, error="x", error_code=JobErrorCode.REQUIRED_TEMPLATE_VARIABLES)

    assert (await scenario.job(job_id)).error_code == "REQUIRED_TEMPLATE_VARIABLES"


async def test_a_template_is_not_taken_over_by_another_provisioner(scenario: Scenario) -> None:
    with pytest.raises(RequestError) as caught:
        await scenario.store.write(
            imports.push,
            organization_id=scenario.organization_id,
            initiator_id=scenario.user.id,
            name="echo",
            archive=b"",
            provisioner=ProvisionerType.LOCAL,
        )

    assert caught.value.status_code == 400


@pytest.mark.parametrize("name", ["", "a b", "new", "x" * 33])
async def test_a_template_needs_a_valid_name(scenario: Scenario, name: str) -> None:
    with pytest.raises(RequestError) as caught:
        await scenario.push(name)

    assert (caught.value.status_code, caught.value.validations[0].field) == (400, "name")


async def test_the_same_archive_is_stored_once(scenario: Scenario) -> None:
    _, first = await scenario.push("one", archive=b"same")
    _, second = await scenario.push("two", archive=b"same")

    jobs = [await scenario.job(job_id) for job_id in (first, second)]

    assert jobs[0].file_id == jobs[1].file_id
    assert await scenario.store.read(templates.file, jobs[0].file_id) == b"same"


async def test_the_same_archive_may_be_pushed_by_many_at_once(scenario: Scenario, other_store: Store) -> None:
    async def push(number: int) -> JobId:
        store = (scenario.store, other_store)[number % 2]
        _, job_id = await store.write(
            imports.push,
            organization_id=scenario.organization_id,
            initiator_id=scenario.user.id,
            name=f"t{number}",
            archive=b"new and the same",
            provisioner=ProvisionerType.ECHO,
        )
        return job_id

    jobs = await asyncio.gather(*(push(number) for number in range(6)))

    assert len({(await scenario.job(job_id)).file_id for job_id in jobs}) == 1


async def test_tags_cannot_hold_what_the_database_cannot(scenario: Scenario) -> None:
    with pytest.raises(RequestError) as caught:
        await scenario.push("nul", version_tags={"a": "b\0c"})

    assert caught.value.status_code == 400


async def test_an_organization_that_ever_had_a_template_is_told_from_a_new_one(scenario: Scenario) -> None:
    new = await scenario.store.write(users.create_organization, "elsewhere", allowance=40)

    assert await scenario.store.read(templates.ever_had_one, scenario.organization_id)
    assert not await scenario.store.read(templates.ever_had_one, new.id)
    (everyone,) = await scenario.store.read(users.list_groups, new.id)
    assert everyone.quota_allowance == 40
