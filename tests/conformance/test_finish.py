"""The end of a job: one transaction for everything that follows from it."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from db import agents
from db.builds import latest as _latest
from db.clock import FakeClock
from db.errors import NotFound, StoreError
from db.states import BuildStatus, JobErrorCode, JobStatus, Transition
from db.workspaces import by_name, last_by_name
from provisioner.jobs import Outcome
from provisioner.protocol import Agent, Resource
from tests.scenario import Scenario

RESOURCE = Resource(
    type="machine", name="box", daily_cost=10, agents=(Agent(name="main"), Agent(name="side"))
)


@pytest.mark.parametrize(
    ("transition", "expected"),
    [("start", BuildStatus.RUNNING), ("stop", BuildStatus.STOPPED), ("delete", BuildStatus.DELETED)],
)
async def test_a_build_that_succeeded_has_the_status_of_its_transition(
    scenario: Scenario, transition: str, expected: BuildStatus
) -> None:
    workspace_id = await scenario.running(10)

    await scenario.apply(workspace_id, Transition(transition), 5)

    build = await scenario.store.read(_latest, workspace_id)
    assert build.status is expected


async def test_a_delete_frees_the_name_of_the_workspace(scenario: Scenario) -> None:
    workspace_id = await scenario.running(10)
    name = (await scenario.workspace(workspace_id)).name

    await scenario.apply(workspace_id, Transition.DELETE, 0)

    assert (await scenario.workspace(workspace_id)).deleted
    with pytest.raises(NotFound):
        await scenario.store.read(by_name, scenario.user.username, name)
    assert (await scenario.store.read(last_by_name, scenario.user.username, name)).id == workspace_id
    successor = await scenario.create(name=name)
    assert successor.build_number == 1
    found = await scenario.store.read(last_by_name, scenario.user.username, name.upper())
    assert found.id == successor.workspace_id


async def test_a_failed_delete_keeps_the_workspace(scenario: Scenario) -> None:
    workspace_id = await scenario.running(10)

    await scenario.apply(workspace_id, Transition.DELETE, 0, error="stuck")

    assert not (await scenario.workspace(workspace_id)).deleted


async def test_bytes_replace_the_state_and_no_bytes_keep_it(scenario: Scenario) -> None:
    build, run = await scenario.started()
    await run.finish(state=b"one")
    second = await scenario.request(build.workspace_id, "stop")
    run = await scenario.claimed(second.job.id)
    await run.finish(JobStatus.FAILED, error="plan failed")

    assert await scenario.state(second.id) == b"one"
    third = await scenario.request(build.workspace_id, "stop")
    run = await scenario.claimed(third.job.id)
    await run.finish(state=b"")
    assert await scenario.state(third.id) == b""


async def test_a_failure_keeps_the_newest_state_the_runner_has(scenario: Scenario) -> None:
    build, run = await scenario.started(10)
    await run.heartbeat(b"checkpoint")

    await run.finish(JobStatus.FAILED, error="broke", state=b"half")

    assert await scenario.state(build.id) == b"half"


async def test_a_failure_without_a_text_still_reads_as_a_failure(scenario: Scenario) -> None:
    build, run = await scenario.started()

    await run.finish(JobStatus.FAILED)

    assert (await scenario.job(build.job.id)).status is JobStatus.FAILED


async def test_a_failure_is_stored_with_code_and_reason(scenario: Scenario) -> None:
    build, run = await scenario.started()

    await run.finish(
        JobStatus.FAILED,
        error="no",
        error_code=JobErrorCode.MISSING_TEMPLATE_PARAMETER,
        failure_reason="REASON",
        failure_detail="detail",
    )

    job = await scenario.job(build.job.id)
    assert (job.error, job.error_code) == ("no", "MISSING_TEMPLATE_PARAMETER")
    assert (job.failure_reason, job.failure_detail) == ("REASON", "detail")


@pytest.mark.parametrize(
    ("outcome", "expected"),
    [
        ({"error_code": JobErrorCode.INSUFFICIENT_QUOTA, "retryable": True}, False),
        ({"failure_reason": "REASON"}, False),
        ({"retryable": True}, True),
        ({}, None),
    ],
)
async def test_a_failure_with_code_or_reason_is_never_retryable(
    scenario: Scenario, outcome: dict[str, Any], expected: object
) -> None:
    build, run = await scenario.started()

    await run.finish(JobStatus.FAILED, error="no", **outcome)

    assert (await scenario.job(build.job.id)).retryable is expected


async def test_agents_of_older_builds_are_closed(scenario: Scenario) -> None:
    build, run = await scenario.started()
    await run.finish(resources=[RESOURCE])
    assert [agent.name for agent in await scenario.store.read(agents.of_build, build.id)] == ["main", "side"]

    second = await scenario.request(build.workspace_id)
    run = await scenario.claimed(second.job.id)
    await run.begin_apply()
    await run.finish(resources=[RESOURCE])

    assert await scenario.store.read(agents.of_build, build.id) == []
    assert len(await scenario.store.read(agents.of_build, second.id)) == 2


async def test_a_build_that_never_applied_leaves_the_agents_alone(scenario: Scenario) -> None:
    build, run = await scenario.started()
    await run.finish(resources=[RESOURCE])
    second = await scenario.request(build.workspace_id)
    run = await scenario.claimed(second.job.id)

    await run.finish(JobStatus.FAILED, error="plan failed")

    assert len(await scenario.store.read(agents.of_build, build.id)) == 2


async def test_a_start_has_a_deadline_after_the_ttl_of_its_template(
    scenario: Scenario, clock: FakeClock
) -> None:
    await scenario.import_version("echo", ttl=timedelta(hours=2))
    build, run = await scenario.started()
    clock.advance(timedelta(seconds=10))

    await run.finish()

    assert (await scenario.build(build.id)).deadline == clock.now() + timedelta(hours=2)


async def test_a_workspace_without_a_ttl_has_no_deadline(scenario: Scenario) -> None:
    build, run = await scenario.started()

    await run.finish()

    assert (await scenario.build(build.id)).deadline is None


async def test_a_failed_start_has_no_deadline(scenario: Scenario) -> None:
    await scenario.import_version("echo", ttl=timedelta(hours=2))
    build, run = await scenario.started()

    await run.finish(JobStatus.FAILED, error="broke")

    assert (await scenario.build(build.id)).deadline is None


async def test_the_end_wakes_those_who_watch_the_build(scenario: Scenario) -> None:
    build, run = await scenario.started()

    with scenario.store.wakeups.subscribe(f"build:{build.id}") as watch:
        await run.finish()
        async with asyncio.timeout(20):
            assert await watch.wait(None)


async def test_a_result_that_cannot_be_stored_writes_nothing_at_all(scenario: Scenario) -> None:
    build, run = await scenario.started(10)
    too_big = Resource(type="machine", name="box", daily_cost=2**63)

    with pytest.raises((StoreError, OverflowError)):
        await run.finish(state=b"new", resources=[too_big])

    assert (await scenario.job(build.job.id)).status is JobStatus.RUNNING
    assert await scenario.state(build.id) == b""
    await run.finish(state=b"new")
    assert await scenario.drifts() == []


async def test_of_many_finishes_at_once_exactly_one_counts(scenario: Scenario) -> None:
    build, run = await scenario.started(10)
    client, fence = scenario.client, run.claim.fence

    async def finish(number: int) -> None:
        outcome = Outcome(status=JobStatus.SUCCEEDED, state=str(number).encode())
        await client.finish(fence, 10 + number, outcome, [run.line(str(number))])

    answers = await asyncio.gather(*(finish(number) for number in range(8)), return_exceptions=True)

    assert answers.count(None) == 1
    winner = str(answers.index(None)).encode()
    assert await scenario.state(build.id) == winner
    assert [line.output.encode() for line in await scenario.logs(build.job.id)] == [winner]
