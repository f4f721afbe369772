"""Calls to a workspace agent that is a real process: commands really run, and really end."""

import asyncio
import os
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from chattool.agent.answers import TEXT_BUDGET, cost
from chattool.agent.commands import ENDED_KEPT, RUNNING_LIMIT
from chattool.api.endpoint import AgentsEndpoint
from db.states import AgentLifecycle
from tests.agents import GUARD_SECONDS, RecordingAgents
from tests.integration.agent_process import StartAgent, agents, ended, endpoint, start_agent

__all__ = ["agents", "endpoint", "start_agent"]

LONG_MS = 40_000


@pytest.fixture
async def workspace(agents: RecordingAgents, start_agent: StartAgent, tmp_path: Path) -> Path:
    """The directory of an agent that is ready."""
    directory = tmp_path / "workspace"
    directory.mkdir()
    await start_agent(CHATTOOL_WORKSPACE_DIRECTORY=str(directory))
    await agents.until_state(AgentLifecycle.READY)
    return directory


async def run(agents: RecordingAgents, command: str, **request: object) -> dict[str, Any]:
    return await agents.call("execute", command=command, **{"wait_ms": LONG_MS, **request})


class Signal:
    """A named pipe, by which a command says something to the test."""

    def __init__(self, path: Path) -> None:
        self.path = path
        os.mkfifo(path)

    async def heard(self) -> str:
        """What a command wrote into the pipe; waits for it."""
        async with asyncio.timeout(GUARD_SECONDS):
            return (await asyncio.to_thread(self.path.read_text)).strip()

    async def say(self) -> None:
        """Let a command go on that reads from the pipe."""
        async with asyncio.timeout(GUARD_SECONDS):
            await asyncio.to_thread(self.path.write_text, "go\n")


async def gone(*pids: int) -> bool:
    """Whether the processes end."""
    processes = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            processes.append(psutil.Process(pid))
    _, alive = await asyncio.to_thread(psutil.wait_procs, processes, GUARD_SECONDS)
    return not [process for process in alive if process.status() != psutil.STATUS_ZOMBIE]


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("echo out; echo err >&2; echo out", {"exit_code": 0, "output": "out\nerr\nout\n"}),
        ("exit 3", {"exit_code": 3, "output": ""}),
        ("kill -SEGV $$", {"signal": "SIGSEGV"}),
        ("no-such-program", {"exit_code": 127}),
        ("cat; read line || echo closed", {"exit_code": 0, "output": "closed\n"}),
        ("printf '\\xff\\033[31mred\\033[0m'", {"exit_code": 0, "output": "\ufffdred"}),
        ("[[ -n $BASH_VERSION ]] && echo bash", {"output": "bash\n"}),
    ],
)
@pytest.mark.usefixtures("workspace")
async def test_a_command_answers_how_it_ended_and_what_it_wrote(
    agents: RecordingAgents, command: str, expected: dict[str, object]
) -> None:
    answer = await run(agents, command)

    assert {name: answer.get(name) for name in expected} == expected
    assert answer["running"] is False


async def test_a_command_runs_where_and_with_what_it_was_told(
    agents: RecordingAgents, workspace: Path
) -> None:
    (workspace / "inner").mkdir()

    answer = await run(agents, 'pwd; echo "$WORD"', cwd="inner", env={"WORD": "a b ☃"})

    assert answer["output"] == f"{workspace / 'inner'}\na b ☃\n"


@pytest.mark.parametrize("cwd", ["..", "/", "none", "file", "link"])
async def test_a_command_starts_only_in_a_directory_of_the_workspace(
    agents: RecordingAgents, workspace: Path, cwd: str
) -> None:
    (workspace / "file").write_text("")
    (workspace / "link").symlink_to("/tmp")  # noqa: S108 - only a target

    answer = await run(agents, "touch /should-not-be", cwd=cwd)

    assert answer["reason"] in {"OUTSIDE_WORKSPACE", "NOT_FOUND", "NOT_A_DIRECTORY"}


@pytest.mark.usefixtures("workspace")
async def test_the_token_is_nowhere_to_be_found(agents: RecordingAgents) -> None:
    answer = await run(agents, "env; set; cat /proc/$PPID/environ /proc/self/environ | tr '\\0' '\\n'")

    assert "CHATTOOL_WORKSPACE_DIRECTORY" in answer["output"]
    assert "secret-token" not in answer["output"]


async def test_a_command_that_outlives_its_call_goes_on_and_is_read_to_its_end(
    agents: RecordingAgents, workspace: Path
) -> None:
    go = Signal(workspace / "go")

    begun = await run(agents, "echo one; read line < go; echo two; exit 4", wait_ms=0)
    assert begun["running"] is True
    assert "exit_code" not in begun
    await go.say()
    ended = await agents.call(
        "process_output", process_id=begun["process_id"], after=begun["next_after"], wait_ms=LONG_MS
    )

    assert begun["output"] + ended["output"] == "one\ntwo\n"
    assert (ended["running"], ended["exit_code"]) == (False, 4)


@pytest.mark.usefixtures("workspace")
async def test_a_command_is_ended_when_its_time_is_up(agents: RecordingAgents) -> None:
    answer = await run(agents, "sleep 300 & echo $! $$; sleep 300", timeout_ms=300)

    assert (answer["timed_out"], answer["signal"]) == (True, "SIGTERM")
    assert await gone(*map(int, answer["output"].split()))


@pytest.mark.usefixtures("workspace")
async def test_a_command_that_ignores_the_signal_is_killed_with_all_that_it_started(
    agents: RecordingAgents,
) -> None:
    deaf = "trap '' TERM INT HUP; setsid sh -c 'trap \"\" TERM; echo $$; sleep 300' & echo $$; sleep 300"

    begun = await run(agents, deaf, wait_ms=300)
    stopped = await agents.call("stop_process", process_id=begun["process_id"])

    # The shell may still say that its child was killed.
    pids = [int(each) for each in stopped["output"].split() if each.isdigit()]
    assert len(pids) == 2
    assert (stopped["running"], stopped["signal"]) == (False, "SIGKILL")
    assert await gone(*pids)


@pytest.mark.usefixtures("workspace")
async def test_what_a_command_left_running_is_said_and_can_be_ended(agents: RecordingAgents) -> None:
    answer = await run(agents, "sleep 300 & echo $!")
    assert (answer["exit_code"], answer["left_running"]) == (0, True)
    stopped = await agents.call("stop_process", process_id=answer["process_id"])

    assert stopped["exit_code"] == 0
    assert await gone(int(answer["output"]))


async def test_a_withdrawn_command_dies_and_other_calls_go_on(
    agents: RecordingAgents, workspace: Path
) -> None:
    ready = Signal(workspace / "ready")
    call = await agents.post("execute", command="echo $$ > ready; sleep 300", wait_ms=LONG_MS)
    pid = int(await ready.heard())

    await agents.withdraw(call)

    assert await gone(pid)
    assert (await agents.answer(call))["reason"] == "WITHDRAWN"
    assert (await run(agents, "echo on"))["output"] == "on\n"


async def test_no_call_is_done_twice_however_often_it_is_given(
    agents: RecordingAgents, workspace: Path
) -> None:
    call = await agents.post("execute", command="echo done >> log", wait_ms=LONG_MS)
    await agents.answer(call)

    del agents.answers[call]  # as if the answer had been lost: the server gives the call again and again
    for number in range(3):
        await run(agents, f"echo {number}")

    assert (workspace / "log").read_text() == "done\n"


async def test_calls_are_done_at_the_same_time(agents: RecordingAgents, workspace: Path) -> None:
    # Each waits for the other: only together can they end.
    (one, two) = (Signal(workspace / "one"), Signal(workspace / "two"))
    first = await agents.post("execute", command=f"echo a > {one.path}; cat {two.path}", wait_ms=LONG_MS)
    second = await agents.post("execute", command=f"cat {one.path}; echo b > {two.path}", wait_ms=LONG_MS)

    assert [(await agents.answer(each))["output"] for each in (first, second)] == ["b\n", "a\n"]


@pytest.mark.usefixtures("workspace")
async def test_a_hundred_megabytes_fit_into_one_answer(agents: RecordingAgents) -> None:
    answer = await run(agents, "echo begin; head -c 100000000 /dev/zero | tr '\\0' x | fold; echo end")

    assert answer["output"].startswith("begin\n")
    assert answer["output"].endswith("xend\n")
    assert cost(answer["output"]) <= TEXT_BUDGET + 100
    assert answer["output_bytes"] > 100_000_000
    assert answer["omitted_bytes"] > 99_000_000


@pytest.mark.usefixtures("workspace")
async def test_a_command_may_be_only_so_long(agents: RecordingAgents) -> None:
    assert (await run(agents, "echo " + "x" * 100_000))["reason"] == "COMMAND_TOO_LONG"
    assert (await run(agents, "echo a\0b"))["reason"] == "NOT_STARTED"


@pytest.mark.parametrize(
    ("method", "request_", "reason"),
    [
        ("dance", {}, "UNKNOWN_METHOD"),
        ("execute", {}, "INVALID_REQUEST"),
        ("read_file", {"path": 3}, "INVALID_REQUEST"),
        ("process_output", {"process_id": "none"}, "UNKNOWN_PROCESS"),
        ("stop_process", {"process_id": "none"}, "UNKNOWN_PROCESS"),
    ],
)
@pytest.mark.usefixtures("workspace")
async def test_a_call_that_makes_no_sense_is_answered(
    agents: RecordingAgents, method: str, request_: dict[str, object], reason: str
) -> None:
    assert (await agents.call(method, **request_))["reason"] == reason


@pytest.mark.usefixtures("workspace")
async def test_files_are_written_and_read_back(agents: RecordingAgents) -> None:
    text = 'ü☃𝄞 "quoted"\n'

    await agents.call("write_file", path="a/b", content=text)
    edits = [{"path": "a/b", "old": "☃", "new": "sun"}]
    await agents.call("edit_files", edits=edits)

    assert (await agents.call("read_file", path="a/b"))["content"] == text.replace("☃", "sun")
    entries = (await agents.call("list_files", path="", depth=2))["entries"]
    assert [entry["path"] for entry in entries] == ["a", "a/b"]


async def test_the_start_up_script_and_commands_do_not_take_each_others_processes(
    agents: RecordingAgents, start_agent: StartAgent, tmp_path: Path
) -> None:
    agents.startup_script = "mkfifo go; read line < go; exit 0"
    await start_agent()
    await agents.until_state(AgentLifecycle.STARTING)

    answers = [await run(agents, f"(setsid true &); exit {code}") for code in range(5)]
    await asyncio.to_thread((tmp_path / "go").write_text, "go\n")
    await agents.until_state(AgentLifecycle.READY)

    assert [answer["exit_code"] for answer in answers] == [0, 1, 2, 3, 4]


async def test_an_agent_that_ends_takes_its_commands_along_without_delay(
    agents: RecordingAgents, start_agent: StartAgent, tmp_path: Path
) -> None:
    ready = Signal(tmp_path / "ready")
    process = await start_agent()
    await agents.until_state(AgentLifecycle.READY)
    await agents.post("execute", command="echo $$ > ready; sleep 300", wait_ms=LONG_MS)
    pid = int(await ready.heard())

    process.terminate()

    assert await ended(process) == 0
    assert await gone(pid)


async def test_an_agent_answers_through_the_server_that_comes_next(
    start_agent: StartAgent, tmp_path: Path
) -> None:
    first, second, url_file = RecordingAgents(), RecordingAgents(), tmp_path / "url"
    go, ready = Signal(tmp_path / "go"), Signal(tmp_path / "ready")
    async with AgentsEndpoint(first) as endpoint:
        url_file.write_text(endpoint.url)
        await start_agent(CHATTOOL_SERVER_URL_FILE=str(url_file), CHATTOOL_SERVER_URL="")
        await first.until_state(AgentLifecycle.READY)
        call = await first.post("execute", command="echo > ready; cat go", wait_ms=LONG_MS)
        await ready.heard()
    await go.say()
    async with AgentsEndpoint(second) as endpoint:
        url_file.write_text(endpoint.url)

        assert (await second.answer(call))["output"] == "go\n"


@pytest.mark.usefixtures("workspace")
async def test_only_so_many_commands_run_at_once_and_ended_ones_are_forgotten_in_the_end(
    agents: RecordingAgents,
) -> None:
    first = await run(agents, "echo first")
    running = [await run(agents, "sleep 300", wait_ms=0) for _ in range(RUNNING_LIMIT)]

    refused = await run(agents, "true")
    await agents.call("stop_process", process_id=running[0]["process_id"])
    for _ in range(ENDED_KEPT + 1):
        await run(agents, "true")

    assert refused["reason"] == "TOO_MANY_PROCESSES"
    forgotten = await agents.call("process_output", process_id=first["process_id"])
    assert forgotten["reason"] == "UNKNOWN_PROCESS"
    assert running[-1]["process_id"] in forgotten["message"]
