"""spec: idempotency by the tool call's id, of tools that change something inside a workspace."""

import asyncio
from typing import Any

import pytest

from chattool.results import ToolResponse
from chattool.tools import TOOLS
from chattool.toolset import Toolset
from chattool.workspace_calls import AgentAway, AgentCallFailed, AgentCallLost
from db.errors import ChattoolError, RequestError, StoreBusy
from db.states import Transition
from tests.unit.chattool.fake_backend import an_agent, in_time, settle
from tests.unit.chattool.host import Host, fields
from tests.unit.chattool.test_workspace_tools import CALLS, DONE

ANSWERS: dict[str, dict[str, Any]] = {
    "execute": DONE,
    "stop_process": DONE,
    "write_file": {"path": "a", "bytes": 0, "created": True},
    "edit_files": {"files": [{"path": "a", "replacements": 1}]},
}
BUILDS = {"create_workspace", "start_workspace", "stop_workspace"}
CHANGES = [tool.name for tool in TOOLS if not tool.annotations.read_only and tool.name not in BUILDS]


@pytest.fixture
def running(host: Host) -> Host:
    """A chat whose workspace runs, with an agent that answers."""
    host.has(agents=[an_agent()])
    host.backend.agent_answers.update(ANSWERS)
    return host


async def call(host: Host, tool: str, call_id: str = "call-1", **given: object) -> ToolResponse:
    work = Toolset(host.context).dispatch(tool, {**CALLS[tool], **given}, tool_call_id=call_id)
    return await in_time(host.backend.clock, work)


def made(host: Host) -> int:
    """How many calls the agent was given."""
    return len(host.backend.agent_calls)


@pytest.mark.parametrize("tool", CHANGES)
async def test_a_repeated_change_gets_the_first_answer_and_is_not_made_again(
    running: Host, tool: str
) -> None:
    first = await call(running, tool)

    assert first.ok
    assert await call(running, tool) == first
    assert made(running) == 1
    await call(running, tool, "call-2")
    assert made(running) == 2


async def test_the_first_answer_is_given_even_when_the_workspace_has_stopped(running: Host) -> None:
    first = await call(running, "execute")
    running.has(Transition.STOP)

    assert await call(running, "execute") == first


async def test_one_id_for_two_changes_is_refused(running: Host) -> None:
    await call(running, "execute")

    other_arguments = await call(running, "execute", command="false")
    other_tool = await call(running, "write_file")
    of_a_build = await Toolset(running.context).dispatch("stop_workspace", tool_call_id="call-1")

    text = "tool call id was already used for a different request"
    assert [other_arguments.content, other_tool.content, of_a_build.content] == [text] * 3
    assert made(running) == 1


async def test_how_long_to_wait_is_no_part_of_the_change(running: Host) -> None:
    first = await call(running, "execute")

    assert await call(running, "execute", wait_seconds=5) == first


@pytest.mark.parametrize("error", [AgentCallFailed("NOT_FOUND", "no such file"), AgentCallLost()])
async def test_what_the_agent_could_not_do_is_an_answer_too(running: Host, error: ChattoolError) -> None:
    running.backend.failures["agent_call"] = [error]
    first = await call(running, "edit_files")

    assert first.is_error
    assert await call(running, "edit_files") == first
    assert made(running) == 1


@pytest.mark.parametrize("error", [AgentAway(), RequestError(413, "too large")])
async def test_what_was_certainly_not_done_may_be_done_later(running: Host, error: ChattoolError) -> None:
    running.backend.failures["agent_call"] = [error]
    assert (await call(running, "execute")).is_error

    assert (await call(running, "execute", command="other")).ok
    assert (await call(running, "execute", command="other")).ok
    assert made(running) == 2


async def test_a_call_that_did_not_reach_a_workspace_may_be_made_later(host: Host) -> None:
    assert (await call(host, "execute")).is_error
    host.has(agents=[an_agent()])
    host.backend.agent_answers.update(ANSWERS)

    assert (await call(host, "execute")).ok


@pytest.mark.parametrize("repeated", ["while it is at work", "after it was interrupted"])
async def test_a_change_without_an_answer_is_not_made_again(running: Host, repeated: str) -> None:
    running.backend.hangs["agent_call"] = asyncio.Event()
    work = Toolset(running.context).dispatch("execute", CALLS["execute"], tool_call_id="call-1")
    first = asyncio.create_task(work)
    await settle(running.backend.clock)
    if repeated == "after it was interrupted":
        first.cancel()
        await asyncio.wait({first})

    again = await call(running, "execute")

    assert again.is_error
    assert "what was done is unknown" in again.content
    assert made(running) == 1
    running.backend.hangs["agent_call"].set()
    await asyncio.wait({first})


async def test_an_error_that_leaves_the_outcome_open_is_not_taken_for_an_answer(running: Host) -> None:
    running.backend.failures["agent_call"] = [StoreBusy("locked")]
    await call(running, "execute")

    again = await call(running, "execute")

    assert "what was done is unknown" in again.content
    assert made(running) == 1


async def test_two_calls_of_one_id_at_once_make_one_change(running: Host) -> None:
    running.backend.hangs["agent_call"] = gate = asyncio.Event()
    toolset = Toolset(running.context)
    calls = [
        asyncio.create_task(toolset.dispatch("execute", CALLS["execute"], tool_call_id="call-1"))
        for _ in range(2)
    ]
    await settle(running.backend.clock)
    gate.set()

    answers = await asyncio.gather(*calls)

    assert sorted(answer.is_error for answer in answers) == [False, True]
    assert made(running) == 1


async def test_a_change_that_cannot_be_recorded_first_is_not_made(running: Host) -> None:
    running.chats.failures["record_tool_call"] = [ChattoolError("denied")]

    assert (await call(running, "execute")).content == "record tool call: denied"
    assert made(running) == 0


async def test_an_answer_that_could_not_be_recorded_is_not_taken_for_nothing(running: Host) -> None:
    running.backend.hangs["agent_call"] = gate = asyncio.Event()
    work = Toolset(running.context).dispatch("execute", CALLS["execute"], tool_call_id="call-1")
    first = asyncio.create_task(work)
    await settle(running.backend.clock)
    running.chats.failures["record_tool_call"] = [ChattoolError("denied")]
    gate.set()

    assert (await first).ok
    assert (await call(running, "execute")).is_error
    assert made(running) == 1


async def test_without_an_id_nothing_of_a_change_is_recorded(running: Host) -> None:
    first = await running.call("execute", command="true")

    assert fields(first)["exit_code"] == 0
    assert running.chats.tool_calls == {}
    assert "try_lease" not in running.calls
