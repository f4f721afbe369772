"""spec: the tools inside a workspace: whom they ask, how long they wait, what they say without an answer."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from chattool.settings import WaitBounds
from chattool.tools import TOOLS
from chattool.workspace_access import CALL_MARGIN
from chattool.workspace_calls import AgentAway, AgentCallFailed, AgentCallLost, answer_of
from db.errors import ChattoolError, NotFound, RequestError, StoreBusy
from db.states import AgentConnection, Transition
from tests.unit.chattool.fake_backend import an_agent, settle
from tests.unit.chattool.host import Host, fields

DONE: dict[str, Any] = {
    "process_id": "p1",
    "running": False,
    "exit_code": 0,
    "output": "hi\n",
    "output_bytes": 3,
    "next_after": 3,
    "duration_ms": 5,
}
RUNNING = {name: value for name, value in DONE.items() if name != "exit_code"} | {"running": True}
RESTART = "call stop_workspace, then start_workspace"
CALLS: dict[str, dict[str, Any]] = {
    "execute": {"command": "true"},
    "process_output": {"process_id": "p1"},
    "stop_process": {"process_id": "p1"},
    "read_file": {"path": "a"},
    "write_file": {"path": "a", "content": ""},
    "edit_files": {"edits": [{"path": "a", "old": "b", "new": "c"}]},
    "list_files": {},
}


@pytest.fixture
def running(host: Host) -> Host:
    """A chat whose workspace runs, with an agent that answers."""
    host.has(agents=[an_agent()])
    for method in ("execute", "process_output", "stop_process"):
        host.backend.agent_answers[method] = DONE
    return host


async def test_a_command_that_failed_is_an_ordinary_answer(running: Host) -> None:
    running.backend.agent_answers["execute"] = DONE | {"exit_code": 2}

    response = await running.call("execute", command="make")

    assert (response.ok, response.is_error) == (True, False)
    answer = fields(response)
    assert list(answer)[:2] == ["workspace_id", "workspace_name"]
    assert (answer["exit_code"], answer["output"], answer["running"]) == (2, "hi\n", False)
    assert "startup" not in answer


@pytest.mark.parametrize("tool", CALLS)
async def test_without_a_running_workspace_every_tool_says_what_to_call(host: Host, tool: str) -> None:
    async def text() -> str:
        response = await host.call(tool, **CALLS[tool])
        assert response.is_error
        return response.content

    assert await text() == "chat has no workspace; use create_workspace first"
    host.has(Transition.STOP)
    assert await text() == "the workspace is stopped; call start_workspace first"
    host.has(Transition.START, status="failed")
    assert await text() == "the workspace's last build did not succeed; call start_workspace first"
    host.has(Transition.START, status="running")
    assert await text() == "the workspace is starting; call wait_for_workspace, or start_workspace, first"
    host.has(Transition.STOP, status="running")
    assert await text() == "the workspace is stopping; call wait_for_workspace, or start_workspace, first"
    host.has(Transition.DELETE)
    assert await text() == "workspace was deleted; use create_workspace to make a new one"
    host.has()
    assert "has no agent" in await text()
    assert host.backend.agent_calls == []


@pytest.mark.parametrize(
    ("agent", "text"),
    [
        (an_agent(connection=AgentConnection.DISCONNECTED, ever_connected=True), RESTART),
        (an_agent(connection=AgentConnection.TIMEOUT), RESTART),
        (an_agent(connection=AgentConnection.CONNECTING), "call start_workspace to wait for it"),
        (an_agent(lifecycle_state="off", ever_connected=True), RESTART),
        (
            an_agent(connection=AgentConnection.DISCONNECTED, external=True, ever_connected=True),
            "ask the user to reconnect it",
        ),
        (an_agent(connection=AgentConnection.CONNECTING, external=True), "ask the user to start it"),
    ],
    ids=["silent", "never came", "coming", "ended", "external, silent", "external, never came"],
)
async def test_an_agent_that_stays_away_is_named_with_what_to_do(host: Host, agent: Any, text: str) -> None:  # noqa: ANN401
    host.has(agents=[agent])

    response = await host.call("list_files")

    assert response.is_error
    assert text in response.content
    assert host.backend.agent_calls == []
    assert host.backend.clock.monotonic() == host.context.settings.agent_reconnect_window


async def test_an_agent_that_comes_back_soon_is_waited_for(host: Host) -> None:
    agent = an_agent(connection=AgentConnection.DISCONNECTED, ever_connected=True)
    host.has(agents=[agent])
    host.backend.agent_answers["execute"] = DONE
    call = host.begin("execute", command="true")
    await settle(host.backend.clock)

    host.backend.change_agent(agent, connection=AgentConnection.CONNECTED)
    await settle(host.backend.clock)

    assert (await call).ok


@pytest.mark.parametrize(("state", "startup"), [("starting", "running"), ("start_error", "failed")])
async def test_start_up_scripts_are_no_reason_to_wait_but_are_told(
    host: Host, state: str, startup: str
) -> None:
    host.has(agents=[an_agent(lifecycle_state=state)])
    host.backend.agent_answers["execute"] = DONE

    assert fields(await host.call("execute", command="true"))["startup"] == startup


@pytest.mark.parametrize(
    ("given", "timeout_ms", "wait_ms"),
    [
        ({}, 60_000, 65_000),
        ({"timeout_seconds": 5}, 5_000, 10_000),
        ({"timeout_seconds": 5000}, 5_000_000, 600_000),
        ({"timeout_seconds": 10**9}, 86_400_000, 600_000),
        ({"wait_seconds": 25}, 60_000, 25_000),
        ({"wait_seconds": 0}, 60_000, 0),
        ({"background": True}, None, 0),
        ({"background": "true", "timeout_seconds": 90}, 90_000, 0),
    ],
)
async def test_a_call_waits_as_long_as_it_may_and_a_command_runs_as_long_as_it_may(
    running: Host, given: dict[str, object], timeout_ms: int | None, wait_ms: int
) -> None:
    await running.call("execute", command="make", **given)

    ((_, request, timeout),) = running.backend.agent_calls
    assert (request["timeout_ms"], request["wait_ms"]) == (timeout_ms, wait_ms)
    assert timeout == CALL_MARGIN + timedelta(milliseconds=wait_ms)


@pytest.mark.parametrize(
    ("tool", "asked", "wait_ms"),
    [
        ("execute", None, 25_000),
        ("execute", 600, 50_000),
        ("execute", 3, 3_000),
        ("process_output", None, 0),
        ("process_output", 600, 50_000),
        ("process_output", "12", 12_000),
    ],
)
async def test_a_host_with_limits_bounds_the_wait_and_never_the_command(
    running: Host, tool: str, asked: object, wait_ms: int
) -> None:
    running.configure(wait_bounds=WaitBounds(default=timedelta(seconds=25), longest=timedelta(seconds=50)))
    given = {} if asked is None else {"wait_seconds": asked}

    await running.call(tool, **CALLS[tool], **given)

    ((_, request, _),) = running.backend.agent_calls
    assert request["wait_ms"] == wait_ms
    assert request.get("timeout_ms", 60_000) == 60_000


async def test_the_wait_for_the_agent_is_a_part_of_the_wait(host: Host) -> None:
    agent = an_agent(connection=AgentConnection.CONNECTING)
    host.has(agents=[agent])
    host.backend.agent_answers["execute"] = DONE
    call = host.begin("execute", command="true", wait_seconds=8)
    await settle(host.backend.clock)
    host.backend.clock.advance(timedelta(seconds=1))
    host.backend.change_agent(agent, connection=AgentConnection.CONNECTED)
    await settle(host.backend.clock)
    await call

    assert host.backend.agent_calls[0][1]["wait_ms"] == 7000


@pytest.mark.parametrize(
    ("answer", "says"),
    [
        (RUNNING, "process_output"),
        (DONE | {"timed_out": True}, "timeout_seconds"),
        (DONE | {"left_running": True}, "stop_process"),
    ],
)
async def test_what_goes_on_and_what_was_cut_short_is_explained(
    running: Host, answer: dict[str, object], says: str
) -> None:
    running.backend.agent_answers["execute"] = answer

    assert says in fields(await running.call("execute", command="make"))["message"]


@pytest.mark.parametrize(
    ("error", "says"),
    [
        (AgentAway(), "nothing was done"),
        (AgentCallLost(), "what was done is unknown"),
        (AgentCallFailed("UNKNOWN_METHOD", "x"), f"too old for execute; {RESTART}"),
        (AgentCallFailed("NOT_STARTED", "the command was not started: no"), "was not started: no"),
        (NotFound(), "call start_workspace"),
        (RequestError(413, "the request is larger than 5 bytes"), "larger than 5 bytes"),
        (StoreBusy("busy"), "busy"),
    ],
    ids=lambda value: value.code if isinstance(value, ChattoolError) else None,
)
async def test_a_call_without_an_answer_is_a_text_that_says_what_is_known(
    running: Host, error: ChattoolError, says: str
) -> None:
    running.backend.failures["agent_call"] = [error]

    response = await running.call("execute", command="make")

    assert response.is_error
    assert says in response.content
    assert len(running.backend.agent_calls) == 1


async def test_an_answer_that_makes_no_sense_is_a_text_error(running: Host) -> None:
    running.backend.agent_answers["execute"] = {"surprise": 1}

    response = await running.call("execute", command="make")

    assert response.is_error
    assert RESTART in response.content


async def test_an_interrupt_passes_through_to_the_call(running: Host) -> None:
    running.backend.hangs["agent_call"] = asyncio.Event()
    call = running.begin("execute", command="sleep 9")
    await settle(running.backend.clock)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call


@pytest.mark.parametrize(
    ("tool", "given", "text"),
    [
        ("execute", {}, "command is required"),
        ("execute", {"command": " "}, "command is required"),
        ("execute", {"command": "a", "env": "x"}, "env must map names to strings"),
        ("execute", {"command": "a", "background": "maybe"}, "background must be true or false"),
        (
            "execute",
            {"command": "a", "timeout_seconds": "soon"},
            "timeout_seconds must be a number of seconds, 0 or more",
        ),
        ("stop_process", {"id": "a", "process_id": "b"}, 'unknown argument "id"; there are: process_id'),
        (
            "edit_files",
            {"edits": "[]"},
            "edits must be a list of objects with path, old and new; it is empty",
        ),
        (
            "edit_files",
            {"edits": "x"},
            "edits must be a list of objects with path, old and new; it is no list",
        ),
        (
            "edit_files",
            {"edits": [{"path": "a", "old": "\ud800", "new": "c"}]},
            (
                "edits must be a list of objects with path, old and new; "
                "item 1: old has characters that are no text"
            ),
        ),
        ("execute", {"command": "echo \ud800"}, "command has characters that are no text"),
        ("execute", {"command": "a", "cwd": "\ud800"}, "cwd has characters that are no text"),
        ("execute", {"command": "a", "env": {"A": "\ud800"}}, "env has characters that are no text"),
        ("execute", {"command": "a", "env": {"\ud800": "A"}}, "env has characters that are no text"),
        ("stop_process", {"process_id": "\ud800"}, "process_id has characters that are no text"),
        ("write_file", {"path": "a", "content": "\udfff"}, "content has characters that are no text"),
        ("list_files", {"path": "\ud800"}, "path has characters that are no text"),
        ("list_templates", {"query": "\ud800"}, "query has characters that are no text"),
        ("read_template", {"template_id": "\ud800"}, "template_id has characters that are no text"),
        (
            "create_workspace",
            {"template_id": "x", "parameters": {"a": "\ud800"}},
            "parameters has characters that are no text",
        ),
        (
            "edit_files",
            {"edits": [{"path": "a", "old": "b"}]},
            (
                "edits must be a list of objects with path, old and new; "
                "item 1: new is required and must be text"
            ),
        ),
        (
            "edit_files",
            {"edits": [{"path": "a", "old": "b", "new": "c", "line": 3}]},
            'edits must be a list of objects with path, old and new; item 1: unknown key "line"',
        ),
        (
            "execute",
            {"command": "a", "timeout_seconds": -5},
            "timeout_seconds must be a number of seconds, 0 or more",
        ),
        ("read_file", {"path": "a", "offset": "x"}, "offset must be a whole number"),
        ("read_file", {"path": "a", "offset": 0}, "offset must be a whole number, 1 or more"),
        ("read_file", {"path": "a", "limit": "-1"}, "limit must be a whole number, 1 or more"),
        ("list_files", {"depth": 0}, "depth must be a whole number, 1 or more"),
        ("execute", {"command": "a", "env": {"": "1"}}, "env has an empty name"),
        (
            "execute",
            {"command": "a", "env": {"A=B": "1"}},
            "env has a name that no environment variable can have: 'A=B'",
        ),
        (
            "execute",
            {"command": "a", "env": {"A\0": "1"}},
            "env has a name that no environment variable can have: 'A\\x00'",
        ),
        ("execute", {"command": "a", "env": {"A": "x\0"}}, "env has a value with the character NUL: A"),
    ],
)
async def test_bad_arguments_are_refused_in_our_words(
    running: Host, tool: str, given: dict[str, object], text: str
) -> None:
    response = await running.call(tool, **given)

    assert (response.is_error, response.content) == (True, text)


async def test_texts_for_files_are_passed_on_untouched(running: Host) -> None:
    running.backend.agent_answers |= {
        "write_file": {"path": "a", "bytes": 1, "created": True},
        "edit_files": {"files": [{"path": "a", "replacements": 1}]},
    }

    edit = {"path": "a", "old": " x\n", "new": ""}
    await running.call("write_file", path="a", content="  x \n\n")
    await running.call(
        "edit_files", edits='[{"path": "a", "old": " x\\n", "new": "", "replace_all": "true"}]'
    )

    (_, written, _), (_, edited, _) = running.backend.agent_calls
    assert written["content"] == "  x \n\n"
    assert edited["edits"] == [edit | {"replace_all": True}]


async def test_reading_past_the_end_says_where_the_end_is(running: Host) -> None:
    running.backend.agent_answers["read_file"] = {"path": "a", "bytes": 4, "content": "", "total_lines": 2}

    response = await running.call("read_file", path="a", offset=9)

    assert response.content == "offset 9 is past the end of a, which has 2 lines"


async def test_a_process_that_still_runs_says_how_to_wait_for_it(running: Host) -> None:
    running.backend.agent_answers["process_output"] = RUNNING

    assert "wait_seconds" in fields(await running.call("process_output", process_id="p1"))["message"]


async def test_more_output_of_an_ended_process_is_announced(running: Host) -> None:
    running.backend.agent_answers["process_output"] = DONE | {"output_bytes": 90}

    assert "next_after" in fields(await running.call("process_output", process_id="p1"))["message"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"result": 3}', "[" * 100_000])
def test_an_answer_that_cannot_be_read_is_a_failed_call(text: str) -> None:
    with pytest.raises(AgentCallFailed) as failed:
        answer_of(text)

    assert failed.value.reason == "UNREADABLE_ANSWER"


def test_descriptions_name_only_tools_that_there_are() -> None:
    names = {tool.name for tool in TOOLS} | {"wait_for_workspace"}
    for tool in TOOLS:
        words = {word.strip(".,;:()") for word in tool.description.split()}
        called = {word for word in words if word.endswith(("_file", "_files", "_process", "_output"))}
        assert called <= names
