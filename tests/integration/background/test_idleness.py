"""When an engine may leave, and how long a new one waits for silent agents, on a clock that stands still."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pytest

from chattool.background.idleness import Idleness
from chattool.background.lock import EngineLock, note_use
from chattool.background.reconnection import LIMIT, silent_agents_heard
from db import agents
from db.clock import FakeClock
from db.ids import AgentId
from db.states import AgentLifecycle, Transition
from db.transactions import Store
from provisioner.protocol import Agent, Resource
from tests.scenario import Scenario

IDLE = timedelta(minutes=5)
LONG = timedelta(hours=1)


@pytest.fixture
async def scenario(store: Store) -> Scenario:
    return await Scenario.on(store)


@pytest.fixture
async def agent_id(scenario: Scenario) -> AgentId:
    """The agent of a running workspace, just heard."""
    build, run = await scenario.started()
    machine = Resource(type="local", name="machine", agents=(Agent(name="main"),))
    await run.finish(resources=(machine,))
    [agent] = await scenario.store.read(agents.of_build, build.id)
    await scenario.store.write(agents.record_contact, agent.id)
    return agent.id


@pytest.fixture
async def idleness(store: Store, tmp_path: Path) -> AsyncIterator[Idleness]:
    lock = EngineLock.acquire(tmp_path / "engine.lock")
    assert lock is not None
    yield Idleness(store, lock, IDLE)
    lock.release()


async def test_an_engine_without_work_is_idle(scenario: Scenario, idleness: Idleness) -> None:
    assert not await idleness.is_over()


async def test_a_call_for_the_engine_keeps_it(scenario: Scenario, idleness: Idleness, tmp_path: Path) -> None:
    note_use(tmp_path / "engine.lock")

    assert await idleness.is_over()
    assert not await idleness.is_over()


async def test_a_build_in_line_keeps_the_engine(scenario: Scenario, idleness: Idleness) -> None:
    await scenario.create()

    assert await idleness.is_over()


async def test_an_import_keeps_the_engine(scenario: Scenario, idleness: Idleness) -> None:
    await scenario.push("another")

    assert await idleness.is_over()


async def test_an_agent_in_contact_keeps_the_engine(agent_id: AgentId, idleness: Idleness) -> None:
    assert await idleness.is_over()


async def test_an_agent_that_fell_silent_keeps_nothing(
    agent_id: AgentId, idleness: Idleness, clock: FakeClock
) -> None:
    clock.advance(LONG)

    assert not await idleness.is_over()


async def test_an_agent_that_ended_keeps_nothing(
    agent_id: AgentId, idleness: Idleness, store: Store, clock: FakeClock
) -> None:
    clock.advance(timedelta(seconds=1))
    await store.write(agents.record_lifecycle, agent_id, AgentLifecycle.OFF)

    assert not await idleness.is_over()


async def test_the_agent_of_a_stopped_workspace_keeps_nothing(
    agent_id: AgentId, idleness: Idleness, scenario: Scenario
) -> None:
    agent = await scenario.store.read(agents.agent, agent_id)
    assert agent is not None
    await scenario.apply(agent.workspace_id, Transition.STOP, 0)

    assert not await idleness.is_over()


async def test_a_removed_directory_ends_the_idle_time_whatever_runs(
    agent_id: AgentId, idleness: Idleness, tmp_path: Path
) -> None:
    (tmp_path / "engine.lock").unlink()

    async with asyncio.timeout(20):
        await idleness.reached(at_each_look=lambda: None)


async def test_a_new_engine_waits_until_a_silent_agent_has_reported(
    agent_id: AgentId, store: Store, clock: FakeClock
) -> None:
    clock.advance(LONG)
    waiting = asyncio.create_task(silent_agents_heard(store))
    await _until_it_waits(clock)
    assert not waiting.done()

    await store.write(agents.record_contact, agent_id)

    async with asyncio.timeout(20):
        await waiting


async def test_a_new_engine_gives_a_silent_agent_up_in_the_end(
    agent_id: AgentId, store: Store, clock: FakeClock
) -> None:
    clock.advance(LONG)
    waiting = asyncio.create_task(silent_agents_heard(store))
    await _until_it_waits(clock)

    clock.advance(LIMIT)

    async with asyncio.timeout(20):
        await waiting


async def test_a_new_engine_does_not_wait_for_an_agent_that_was_heard_lately(
    agent_id: AgentId, store: Store, clock: FakeClock
) -> None:
    clock.advance(timedelta(seconds=9))

    async with asyncio.timeout(20):
        await silent_agents_heard(store)


async def test_a_new_engine_does_not_wait_for_an_agent_that_said_goodbye(
    agent_id: AgentId, store: Store, clock: FakeClock
) -> None:
    await store.write(agents.record_lifecycle, agent_id, AgentLifecycle.OFF)
    clock.advance(LONG)

    async with asyncio.timeout(20):
        await silent_agents_heard(store)


async def _until_it_waits(clock: FakeClock) -> None:
    async with asyncio.timeout(20):
        while not clock.sleepers:  # noqa: ASYNC110 - a fake clock has no event for it
            await asyncio.sleep(0)  # noqa: TID251 - one turn of the loop
