"""The workspace agent as a real process, against the real endpoint."""

import asyncio
import json
import os
import signal
from http.client import HTTPConnection
from pathlib import Path

import psutil
import pytest

from chattool.api.endpoint import AgentsEndpoint
from db.states import AgentLifecycle
from tests.agents import GUARD_SECONDS, RecordingAgents
from tests.integration.agent_process import StartAgent, agents, ended, endpoint, start_agent
from tests.process_ends import WITHOUT_SIGNALS

__all__ = ["agents", "endpoint", "start_agent"]


async def test_an_agent_runs_its_script_and_reports(
    agents: RecordingAgents, start_agent: StartAgent, tmp_path: Path
) -> None:
    agents.startup_script = 'echo "at $(pwd)"; echo problem >&2; echo "[$CHATTOOL_AGENT_TOKEN]"'

    process = await start_agent()
    await agents.until_state(AgentLifecycle.READY)
    await agents.until(lambda agents: len(agents.lines) == 3 and agents.heartbeats > 0)
    process.terminate()

    assert await ended(process) == 0
    assert agents.lines == [f"at {tmp_path}", "problem", "[]"]
    assert [state for _, state in agents.lifecycles] == [
        AgentLifecycle.STARTING,
        AgentLifecycle.READY,
        AgentLifecycle.SHUTTING_DOWN,
        AgentLifecycle.OFF,
    ]


@pytest.mark.parametrize(
    ("ending", "told"),
    [
        ("exit 3", "the start-up script ended with exit code 3"),
        ("kill -9 $$", "the start-up script was ended by signal 9"),
    ],
)
async def test_the_last_line_of_a_failed_script_says_how_it_ended(
    agents: RecordingAgents, start_agent: StartAgent, ending: str, told: str
) -> None:
    agents.startup_script = f"seq 1 20000; printf unfinished; {ending}"

    await start_agent()
    await agents.until_state(AgentLifecycle.START_ERROR)

    assert agents.lines[-2:] == ["unfinished", told]


async def test_a_failed_script_is_told_though_it_left_something_running(
    agents: RecordingAgents, start_agent: StartAgent
) -> None:
    agents.startup_script = "sleep 300 & exit 3"

    await start_agent()
    await agents.until_state(AgentLifecycle.START_ERROR)

    assert agents.lines == ["the start-up script ended with exit code 3"]


async def test_a_script_that_cannot_be_started_says_why(
    agents: RecordingAgents, start_agent: StartAgent, tmp_path: Path
) -> None:
    agents.startup_script = "echo never"

    await start_agent(TMPDIR=str(tmp_path), CHATTOOL_WORKSPACE_DIRECTORY=str(tmp_path / "nowhere"))
    await agents.until_state(AgentLifecycle.START_ERROR)

    assert [line.partition(":")[0] for line in agents.lines] == ["the start-up script did not start"]


async def test_a_script_hears_signals_that_the_agent_was_started_without(
    agents: RecordingAgents, start_agent: StartAgent
) -> None:
    agents.startup_script = "echo $$; exec sleep 60"

    await start_agent(*WITHOUT_SIGNALS)
    await agents.until(lambda agents: bool(agents.lines))
    os.kill(int(agents.lines[0]), signal.SIGHUP)

    await agents.until_state(AgentLifecycle.START_ERROR)


async def test_an_agent_that_the_server_does_not_know_yet_tries_again(
    agents: RecordingAgents, start_agent: StartAgent
) -> None:
    agents.accepted = "not yet"

    await start_agent()
    await agents.until(lambda agents: agents.refusals >= 2)
    agents.accepted = "secret-token"

    await agents.until_state(AgentLifecycle.READY)


async def test_an_agent_ends_when_the_server_knows_it_no_longer(
    agents: RecordingAgents, start_agent: StartAgent
) -> None:
    agents.startup_script = "mkfifo go; read line < go"

    process = await start_agent()
    await agents.until_state(AgentLifecycle.STARTING)
    agents.accepted = "another build's"
    await asyncio.to_thread(release, process)

    assert await ended(process) == 1


async def test_an_agent_that_is_not_known_any_more_leaves_no_process_behind(
    agents: RecordingAgents, start_agent: StartAgent, tmp_path: Path
) -> None:
    agents.startup_script = "sleep 300 & echo $! > left"

    process = await start_agent()
    await agents.until_state(AgentLifecycle.READY)
    left = psutil.Process(int((tmp_path / "left").read_text()))
    agents.accepted = "another build's"

    assert await ended(process) == 1
    assert await asyncio.to_thread(psutil.wait_procs, [left], GUARD_SECONDS) == ([left], [])


def release(process: asyncio.subprocess.Process) -> None:
    directory = Path(psutil.Process(process.pid).environ()["CHATTOOL_WORKSPACE_DIRECTORY"])
    with (directory / "go").open("w") as file:
        file.write("\n")


async def test_what_a_script_leaves_running_keeps_running_until_the_end(
    agents: RecordingAgents, start_agent: StartAgent, tmp_path: Path
) -> None:
    # One in the script's group that holds its output open, one that left group and session.
    agents.startup_script = (
        "sleep 300 & echo $! > one; setsid sh -c 'echo $$ > two; exec sleep 300' &\n"
        "while [ ! -s two ]; do :; done"
    )

    process = await start_agent()
    await agents.until_state(AgentLifecycle.READY)
    left = [psutil.Process(int((tmp_path / name).read_text())) for name in ("one", "two")]

    assert all(process.is_running() for process in left)

    process.terminate()
    await ended(process)
    gone, alive = await asyncio.to_thread(psutil.wait_procs, left, GUARD_SECONDS)
    assert len(gone) == 2
    assert not alive


async def test_an_agent_survives_its_server_and_finds_the_next_one(
    start_agent: StartAgent, tmp_path: Path
) -> None:
    first, second = RecordingAgents("mkfifo go; read line < go"), RecordingAgents()
    url_file = tmp_path / "url"

    async with AgentsEndpoint(first) as endpoint:
        url_file.write_text(endpoint.url)
        process = await start_agent(CHATTOOL_SERVER_URL_FILE=str(url_file), CHATTOOL_SERVER_URL="")
        await first.until_state(AgentLifecycle.STARTING)
    await asyncio.to_thread(release, process)
    async with AgentsEndpoint(second) as endpoint:
        url_file.write_text(endpoint.url)

        await second.until_state(AgentLifecycle.READY)
        process.terminate()
        await second.until_state(AgentLifecycle.OFF)


async def test_a_flood_of_output_neither_blocks_the_script_nor_the_server(
    agents: RecordingAgents, start_agent: StartAgent
) -> None:
    agents.startup_script = (
        "head -c 3000000 /dev/zero | tr '\\0' x; echo; seq 1 200000; head -c 100 /dev/urandom; echo"
    )

    await start_agent()
    await agents.until_state(AgentLifecycle.READY)
    await agents.until(lambda agents: any("dropped" in line for line in agents.lines))

    assert max(map(len, agents.lines)) <= 64 << 10


@pytest.mark.parametrize("missing", ["CHATTOOL_AGENT_TOKEN", "CHATTOOL_SERVER_URL"])
async def test_an_agent_without_settings_says_so(start_agent: StartAgent, missing: str) -> None:
    process = await start_agent(**{missing: ""})

    assert await ended(process) == 2


async def call(
    endpoint: AgentsEndpoint,
    method: str,
    path: str,
    body: bytes | None = None,
    headers: dict[str, str] | None = None,
) -> tuple[int, bytes]:
    def send() -> tuple[int, bytes]:
        connection = HTTPConnection("127.0.0.1", endpoint.port, timeout=5)
        try:
            known = {"Authorization": "Bearer secret-token"} if headers is None else headers
            connection.request(
                method,
                f"/api/v2/workspaceagents/me/{path}",
                body,
                {"Content-Type": "application/json", **known},
            )
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()

    return await asyncio.to_thread(send)


@pytest.mark.parametrize(
    ("method", "path"),
    [("GET", "manifest"), ("POST", "heartbeat"), ("POST", "report-lifecycle"), ("POST", "logs")],
)
@pytest.mark.parametrize(
    "headers",
    [{}, {"Authorization": "Bearer other"}, {"Authorization": "Basic x"}, {"Coder-Session-Token": "o"}],
)
async def test_no_path_is_open_without_the_token(
    endpoint: AgentsEndpoint, method: str, path: str, headers: dict[str, str]
) -> None:
    bodies = {"report-lifecycle": b'{"state": "ready"}', "logs": b'{"logs": []}'}

    status, _ = await call(endpoint, method, path, bodies.get(path), headers)

    assert status == 401


@pytest.mark.parametrize(
    ("path", "body", "expected"),
    [
        ("report-lifecycle", b'{"state": "ready"}', 204),
        ("report-lifecycle", b'{"state": "jubilant"}', 400),
        ("report-lifecycle", b"{", 400),
        ("logs", b'{"logs": [{"output": "a\\u0000b\\ud800"}]}', 204),
        ("logs", b'{"logs": [{}]}', 400),
        ("logs", json.dumps({"logs": [{"output": ""}] * 1001}).encode(), 400),
        ("logs", b" " * (1 << 20) + b"x", 413),
        ("nothing", b"", 404),
    ],
)
async def test_bodies_are_checked(
    agents: RecordingAgents, endpoint: AgentsEndpoint, path: str, body: bytes, expected: int
) -> None:
    status, content = await call(endpoint, "POST", path, body)

    assert status == expected
    assert not content or "message" in json.loads(content)
    assert all("\0" not in line and line.isprintable() for line in agents.lines)


async def test_the_other_token_header_and_patch_are_taken(
    agents: RecordingAgents, endpoint: AgentsEndpoint
) -> None:
    headers = {"Coder-Session-Token": "secret-token"}

    status, _ = await call(endpoint, "PATCH", "logs", b'{"logs": [{"output": "hi"}]}', headers)

    assert status == 204
    assert agents.lines == ["hi"]


async def test_a_port_that_is_taken_is_replaced(agents: RecordingAgents, endpoint: AgentsEndpoint) -> None:
    async with AgentsEndpoint(agents, port=endpoint.port) as other:
        assert other.port != endpoint.port


async def test_a_free_port_is_taken_as_wished(agents: RecordingAgents) -> None:
    async with AgentsEndpoint(agents) as first:
        port = first.port
    async with AgentsEndpoint(agents, port=port) as second:
        assert second.port == port
