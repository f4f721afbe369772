"""Retention: what is old and replaced goes, in small batches; what anybody still needs stays."""

import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from db import chats, tokens
from db.clock import FakeClock
from db.ids import JobId, WorkspaceId
from db.records import Build
from db.states import BuildStatus, JobStatus
from db.tables import api_tokens, chat_tool_calls, provisioner_daemons, workspace_agents, workspace_resources
from db.transactions import Connection, Store
from provisioner import retention
from provisioner.protocol import Agent, Resource
from provisioner.retention import Pruned, RetentionSettings
from tests.held import held
from tests.scenario import Scenario

SETTINGS = RetentionSettings(batch=2)
OLD = timedelta(days=31)


async def built(scenario: Scenario, workspace_id: WorkspaceId | None = None) -> Build:
    """A build that ended well, with a log, a state and a resource."""
    build = await (scenario.create() if workspace_id is None else scenario.request(workspace_id))
    run = await scenario.claimed(build.job.id)
    await run.pass_point_of_no_return(5)
    await run.log("made it")
    resource = Resource(type="machine", name="main", agents=(Agent(name="main"),))
    await run.finish(state=f"state {build.build_number}".encode(), resources=(resource,))
    return await scenario.build(build.id)


async def pruned(scenario: Scenario, settings: RetentionSettings = SETTINGS) -> Pruned:
    return await retention.prune(scenario.store, settings)


def _counts(conn: Connection, job_id: JobId) -> tuple[int, int]:
    resources = select(workspace_resources.c.id).where(workspace_resources.c.job_id == job_id)
    agents = select(workspace_agents.c.id).where(workspace_agents.c.resource_id.in_(resources))
    return len(conn.rows(resources)), len(conn.rows(agents))


async def details(scenario: Scenario, build: Build) -> tuple[int, bytes, int, int]:
    """How many log lines, which state, how many resources and agents a build has."""
    resources, agents = await scenario.store.read(_counts, build.job.id)
    return len(await scenario.logs(build.job.id)), await scenario.state(build.id), resources, agents


async def test_old_builds_that_were_replaced_lose_log_state_and_resources(
    scenario: Scenario, clock: FakeClock
) -> None:
    first = await built(scenario)
    second = await built(scenario, first.workspace_id)
    other = await built(scenario)
    clock.advance(OLD)

    found = await pruned(scenario)

    assert found.builds == 2  # the first one, and the import of the template
    assert await details(scenario, first) == (0, b"", 0, 0)
    assert await details(scenario, second) == (1, b"state 2", 1, 1)
    assert await details(scenario, other) == (1, b"state 1", 1, 1)
    assert (await scenario.job(first.job.id)).pruned_at == clock.now()
    assert (await scenario.build(first.id)).status is BuildStatus.RUNNING


async def test_what_is_young_stays(scenario: Scenario, clock: FakeClock) -> None:
    first = await built(scenario)
    await built(scenario, first.workspace_id)
    clock.advance(timedelta(days=29))

    assert (await pruned(scenario)).builds == 0
    assert await details(scenario, first) == (1, b"state 1", 1, 1)


async def test_a_build_at_work_keeps_the_state_of_the_one_before(
    scenario: Scenario, clock: FakeClock
) -> None:
    first = await built(scenario)
    clock.advance(OLD)
    second = await scenario.request(first.workspace_id)
    run = await scenario.claimed(second.job.id)

    await pruned(scenario)
    assert await details(scenario, first) == (1, b"state 1", 1, 1)

    await run.finish(JobStatus.FAILED, error="no machine")
    await pruned(scenario)
    assert await details(scenario, first) == (0, b"", 0, 0)
    assert await scenario.state(second.id) == b"state 1"


async def test_the_ledger_and_the_next_build_are_what_they_were(scenario: Scenario, clock: FakeClock) -> None:
    first = await built(scenario)
    await built(scenario, first.workspace_id)
    clock.advance(OLD)
    await pruned(scenario)

    assert await scenario.drifts() == []
    assert await scenario.consumed() == 5
    third = await built(scenario, first.workspace_id)
    assert third.build_number == 3


async def test_pruned_builds_are_not_looked_at_again(scenario: Scenario, clock: FakeClock) -> None:
    first = await built(scenario)
    for _ in range(6):
        await built(scenario, first.workspace_id)
    clock.advance(OLD)

    assert (await pruned(scenario)).builds == 7
    assert not await pruned(scenario)


async def test_what_another_process_prunes_is_passed_over(
    scenario: Scenario, other_store: Store, clock: FakeClock
) -> None:
    first = await built(scenario)
    for _ in range(9):
        clock.advance(timedelta(seconds=1))  # so that the last one, which stays, is the last in line
        await built(scenario, first.workspace_id)
    clock.advance(OLD)
    before = clock.now() - timedelta(days=30)

    def first_batch(conn: Connection) -> None:
        assert retention.prune_builds(conn, before, 3, after=retention.BEGINNING).pruned == 3

    if scenario.store.dialect == "sqlite":  # writers queue there, so nothing can overlap
        found = await asyncio.gather(pruned(scenario), retention.prune(other_store, SETTINGS))
        assert sum(each.builds for each in found) == 10
        return
    async with held(other_store, first_batch):
        assert (await pruned(scenario)).builds == 7
    assert not await pruned(scenario)


async def test_a_round_ends_at_its_limit_and_the_next_goes_on(scenario: Scenario, clock: FakeClock) -> None:
    first = await built(scenario)
    for _ in range(5):
        await built(scenario, first.workspace_id)
    clock.advance(OLD)
    in_no_time = replace(SETTINGS, run_limit=timedelta())

    assert not await pruned(scenario, in_no_time)
    assert (await pruned(scenario)).builds == 6


def _count(conn: Connection) -> tuple[int, int, int]:
    calls, ended, daemons = (
        conn.scalar(select(func.count().label("count")).select_from(table))
        for table in (chat_tool_calls, api_tokens, provisioner_daemons)
    )
    return calls, ended, daemons


async def test_old_tool_calls_ended_tokens_and_silent_daemons_go(
    scenario: Scenario, clock: FakeClock
) -> None:
    store = scenario.store
    chat = await store.write(chats.ensure, scenario.user.id, scenario.organization_id, "chat")

    async def call(name: str) -> None:
        recorded = {"tool": "t", "request_hash": "h", "workspace_id": None, "build_id": None, "answer": None}
        await store.write(chats.record_tool_call, chat.id, name, **recorded)  # type: ignore[arg-type]

    for number in range(5):
        await call(f"old {number}")
    user = scenario.user.id
    await store.write(tokens.create, user, name="short", scope="all", lifetime=timedelta(days=1))
    revoked, _ = await store.write(tokens.create, user, name="revoked", scope="all", lifetime=None)
    await store.write(tokens.create, user, name="kept", scope="all", lifetime=None)
    await store.write(tokens.revoke, revoked.id)
    clock.advance(timedelta(days=32))
    await call("new")
    await scenario.another_daemon("new")

    found = await pruned(scenario)

    assert (found.tool_calls, found.tokens, found.daemons) == (5, 2, 1)
    assert await store.read(_count) == (1, 1, 1)


async def test_nothing_goes_when_it_is_switched_off(scenario: Scenario, clock: FakeClock) -> None:
    first = await built(scenario)
    await built(scenario, first.workspace_id)
    clock.advance(timedelta(days=4000))
    off = RetentionSettings.from_environment({"CHATTOOL_RETENTION_DAYS": "0"})

    assert not await pruned(scenario, off)
    assert await details(scenario, first) == (1, b"state 1", 1, 1)


@pytest.mark.parametrize(("text", "days"), [("", 30), ("90", 90), (" 7 ", 7)])
def test_the_environment_says_how_many_days_builds_are_kept(text: str, days: int) -> None:
    found = RetentionSettings.from_environment({"CHATTOOL_RETENTION_DAYS": text})

    assert found.build_details == timedelta(days=days)


@pytest.mark.parametrize("text", ["-1", "a month", "1.5", "99999999999"])
def test_nonsense_in_the_environment_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="CHATTOOL_RETENTION_DAYS"):
        RetentionSettings.from_environment({"CHATTOOL_RETENTION_DAYS": text})
