"""Calls into workspaces from other processes than the one that answers the agents."""

import asyncio
import json
from pathlib import Path

import pytest

from tests.integration.background.engine_home import EngineHome
from tests.integration.test_agent_calls import Signal, gone


@pytest.fixture
async def directory(home: EngineHome) -> Path:
    """The directory of a workspace that runs."""
    await home.call("create_workspace", {"template_id": await home.push_scratch()})
    return Path((await home.call("execute", {"command": "pwd"}))["output"].strip())


async def test_a_command_is_run_and_a_file_edited_from_another_process(
    home: EngineHome, directory: Path
) -> None:
    await home.call("write_file", {"path": "a", "content": "one\n"})
    await home.call("edit_files", {"edits": [{"path": "a", "old": "one", "new": "two"}]})
    answer = await home.call("execute", {"command": "cat a; exit 3"})

    assert (answer["output"], answer["exit_code"]) == ("two\n", 3)
    assert (directory / "a").read_text() == "two\n"


async def test_a_command_outlives_the_engine_and_answers_through_the_next(
    home: EngineHome, directory: Path
) -> None:
    ready, go = Signal(directory / "ready"), Signal(directory / "go")
    async with home.client() as engine:
        tools = await engine.toolset()
        call = asyncio.create_task(tools.dispatch("execute", {"command": "echo > ready; cat go"}))
        await ready.heard()
        first = await home.ensure()

        await home.kill(first)
        await go.say()
        second = await home.ensure()
        answer = json.loads((await call).content)

    assert second.pid != first.pid
    assert (answer["output"], answer["exit_code"]) == ("go\n", 0)


async def test_the_first_call_after_an_engine_has_gone_finds_the_agent_again(
    home: EngineHome, directory: Path
) -> None:
    await home.kill(await home.ensure())

    answer = await home.call("execute", {"command": "pwd"})

    assert answer["output"] == f"{directory}\n"


async def test_a_caller_that_is_cancelled_in_another_process_ends_its_command(
    home: EngineHome, directory: Path
) -> None:
    ready = Signal(directory / "ready")
    async with home.client() as engine:
        tools = await engine.toolset()
        call = asyncio.create_task(tools.dispatch("execute", {"command": "echo $$ > ready; sleep 300"}))
        pid = int(await ready.heard())

        call.cancel()
        await asyncio.wait([call])

    assert await gone(pid)
