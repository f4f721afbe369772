"""What an engine outlives, and what outlives it."""

import asyncio
import json
from datetime import timedelta

import pytest

from chattool.background import StopOutcome, status, stop
from chattool.waiting import wait_for_build
from db.ids import BuildId
from db.states import JobStatus
from tests.integration.background.engine_home import (
    ENDLESS,
    GUARD_SECONDS,
    SLOW,
    EngineHome,
    is_active,
    run_python,
)


async def test_a_build_outlives_the_command_that_asked_for_it(home: EngineHome) -> None:
    template = await home.push_scratch()

    code, output = await run_python("-m", "tests.integration.background.command", str(home.home), template)

    answer = json.loads(output)
    assert (code, answer["status"]) == (0, "building")
    async with home.client() as engine, asyncio.timeout(GUARD_SECONDS):
        await wait_for_build(engine.backend, BuildId(answer["build_id"]))
    again = await home.call("create_workspace", {"template_id": template})
    assert (again["status"], again["agent_status"]) == ("already_exists", "ready")
    assert again["workspace_id"] == answer["workspace_id"]


async def test_a_workspace_outlives_its_engine_and_is_found_by_the_next(home: EngineHome) -> None:
    template = await home.push_scratch()
    made = await home.call("create_workspace", {"template_id": template})
    first = await home.ensure()
    await home.kill(first)

    found = await home.call("create_workspace", {"template_id": template})

    assert (found["status"], found["agent_status"]) == ("already_exists", "ready")
    assert found["workspace_id"] == made["workspace_id"]
    assert (await home.ensure()).pid != first.pid


async def test_what_a_killed_engine_was_applying_has_failed_when_the_next_is_ready(home: EngineHome) -> None:
    build_id = await home.begin_build(await home.push_echo(ENDLESS), "Starting workspace")
    await home.kill(await home.ensure())

    await home.ensure()

    job = (await home.build(build_id)).job
    assert (job.status, job.retryable, job.attempt) == (JobStatus.FAILED, True, 1)


async def test_an_engine_that_nothing_needs_ends(home: EngineHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATTOOL_ENGINE_IDLE_SECONDS", "0.2")

    await home.ended(await home.ensure())

    assert not status(home.home).running
    assert "reason=idle" in home.log.read_text()


async def test_a_stop_lets_builds_finish(home: EngineHome) -> None:
    build_id = await home.begin_build(await home.push_echo(SLOW))

    assert await stop(home.home) is StopOutcome.DRAINED

    assert (await home.build(build_id)).job.status is JobStatus.SUCCEEDED


async def test_a_stop_says_that_it_had_to_interrupt_builds(home: EngineHome) -> None:
    build_id = await home.begin_build(await home.push_echo(ENDLESS))

    assert await stop(home.home, timeout=timedelta()) is StopOutcome.CANCELED

    assert not status(home.home).running
    assert not is_active(await home.build(build_id))


async def test_a_stop_without_an_engine_says_so(home: EngineHome) -> None:
    assert await stop(home.home) is StopOutcome.NOT_RUNNING


async def test_a_stop_leaves_workspaces_alone(home: EngineHome) -> None:
    template = await home.push_scratch()
    made = await home.call("create_workspace", {"template_id": template})
    await stop(home.home)

    found = await home.call("create_workspace", {"template_id": template})

    assert (found["status"], found["workspace_id"]) == ("already_exists", made["workspace_id"])


async def test_a_stop_of_a_workspace_works_after_its_engine_was_killed(home: EngineHome) -> None:
    template = await home.push_scratch()
    await home.call("create_workspace", {"template_id": template})
    await home.kill(await home.ensure())

    assert (await home.call("stop_workspace", {}))["stopped"] is True
