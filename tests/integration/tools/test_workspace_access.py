"""Agents at work in real workspaces, through the real engine and agent, on both stores."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from chattool.engine import Engine, open_engine
from chattool.http_backend import Remote
from chattool.results import ToolResponse
from chattool.settings import ToolSettings
from db.tables import workspace_agent_calls
from db.transactions import Connection
from provisioner.provisioners.processes import find_processes, kill_processes
from provisioner.settings import ProvisionerSettings
from tests.integration.test_agent_calls import Signal, gone
from tests.integration.tools.surfaces import Surface, tools_on

TEMPLATE = 'name = "plain"\n'
GUARD_SECONDS = 40
ROWS = select(workspace_agent_calls.c.id)
RESTART = "call stop_workspace, then start_workspace"


class Desk:
    """A chat with a running workspace."""

    def __init__(self, engine: Engine, tools: Engine | Remote) -> None:
        self.engine = engine
        self.tools = tools
        self.workspace_id = ""
        self.directory = Path()

    async def dispatch(self, tool: str, **arguments: object) -> ToolResponse:
        return await self.dispatch_as(None, tool, **arguments)

    async def dispatch_as(self, call_id: str | None, tool: str, **arguments: object) -> ToolResponse:
        async with asyncio.timeout(GUARD_SECONDS):
            return await (await self.tools.toolset()).dispatch(tool, arguments, tool_call_id=call_id)

    async def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """The fields of an answer that is no text error."""
        response = await self.dispatch(tool, **arguments)
        assert not response.is_error, response.content
        assert len(response.content) < 24_000
        return response.data

    async def text_error(self, tool: str, **arguments: object) -> str:
        response = await self.dispatch(tool, **arguments)
        assert response.is_error, response.content
        return response.content

    async def agent_pid(self) -> int:
        """The process of the workspace's agent: what runs commands is its child."""
        return int((await self.call("execute", command="echo $PPID"))["output"])


@pytest.fixture
async def desk(database_url: str, tmp_path: Path, surface: Surface) -> AsyncIterator[Desk]:
    folder = tmp_path / "template"
    folder.mkdir()
    (folder / "template.toml").write_text(TEMPLATE)
    settings = ProvisionerSettings(exit_timeout=timedelta(seconds=2))
    async with (
        open_engine(
            database_url,
            workspaces=tmp_path / "workspaces",
            provisioner_settings=settings,
            tool_settings=ToolSettings(agent_inactive_timeout=timedelta(seconds=15)),
        ) as engine,
        tools_on(engine, surface) as tools,
    ):
        desk = Desk(engine, tools)
        template = await engine.push_template(folder)
        created = await desk.call("create_workspace", template_id=str(template.id))
        desk.workspace_id = str(created["workspace_id"])
        desk.directory = Path((await desk.call("execute", command="pwd"))["output"].strip())
        try:
            yield desk
        finally:
            kill_processes(desk.workspace_id)


async def test_an_agent_writes_runs_fails_edits_and_succeeds(desk: Desk) -> None:
    await desk.call("write_file", path="src/sum.sh", content="echo $((1 + 1)\n")
    failed = await desk.call("execute", command="sh src/sum.sh")
    edit = {"path": "src/sum.sh", "old": "1 + 1)", "new": "1 + 1))"}
    edited = await desk.call("edit_files", edits=[edit])
    succeeded = await desk.call("execute", command="sh sum.sh", cwd="src")

    assert failed["exit_code"] != 0
    assert edited["files"] == [{"path": "src/sum.sh", "replacements": 1}]
    assert (succeeded["exit_code"], succeeded["output"]) == (0, "2\n")
    assert (await desk.call("read_file", path="src/sum.sh"))["content"] == "echo $((1 + 1))\n"
    assert [entry["path"] for entry in (await desk.call("list_files"))["entries"]] == ["src", "src/sum.sh"]
    assert succeeded["workspace_id"] == desk.workspace_id


async def test_calls_of_one_chat_are_done_at_the_same_time(desk: Desk) -> None:
    one, two = Signal(desk.directory / "one"), Signal(desk.directory / "two")

    answers = await asyncio.gather(
        desk.call("execute", command=f"echo a > {one.path}; cat {two.path}"),
        desk.call("execute", command=f"cat {one.path}; echo b > {two.path}"),
    )

    assert [answer["output"] for answer in answers] == ["b\n", "a\n"]


async def test_many_calls_at_once_are_all_answered_with_their_own(desk: Desk) -> None:
    answers = await asyncio.gather(
        *(desk.call("execute", command=f"echo {number}; exit {number}") for number in range(40))
    )

    assert [(answer["output"], answer["exit_code"]) for answer in answers] == [
        (f"{number}\n", number) for number in range(40)
    ]


async def test_a_cancelled_call_ends_its_command(desk: Desk) -> None:
    ready = Signal(desk.directory / "ready")
    call = asyncio.create_task(desk.call("execute", command="echo $$ > ready; sleep 300"))
    pid = int(await ready.heard())

    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    assert await gone(pid)


async def test_a_flood_of_output_stays_within_one_answer(desk: Desk) -> None:
    answer = await desk.call("execute", command="head -c 20000000 /dev/urandom")
    follow = await desk.call("process_output", process_id=answer["process_id"], after=19_900_000)

    assert answer["omitted_bytes"] > 19_000_000
    assert follow["next_after"] > 19_900_000


async def test_an_agent_that_dies_in_a_call_leaves_the_outcome_open(desk: Desk) -> None:
    ready = Signal(desk.directory / "ready")
    agent = await desk.agent_pid()
    call = asyncio.create_task(desk.text_error("execute", command="echo > ready; sleep 300"))
    await ready.heard()

    os.kill(agent, signal.SIGKILL)

    # Nobody says good-bye here: it is the silence that tells.
    assert "what was done is unknown" in await call
    assert RESTART in await desk.text_error("execute", command="true", wait_seconds=0)
    assert (await desk.call("stop_workspace"))["stopped"] is True
    assert (await desk.call("start_workspace"))["started"] is True
    assert (await desk.call("execute", command="echo back"))["output"] == "back\n"


async def test_a_repeated_change_gets_the_first_answer_and_is_not_made_again(desk: Desk) -> None:
    edit = {"path": "counter", "old": "ran", "new": "ran ran"}
    changes: list[tuple[str, dict[str, Any]]] = [
        ("execute", {"command": "echo ran >> counter; printf 'a\\0b'; wc -l < counter"}),
        ("edit_files", {"edits": [edit]}),
        ("edit_files", {"edits": [edit | {"old": "walked"}]}),
        ("write_file", {"path": "new", "content": "first"}),
        ("execute", {"command": "exec sleep 300", "background": True}),
    ]
    first, again = [
        [await desk.dispatch_as(f"call-{n}", tool, **given) for n, (tool, given) in enumerate(changes)]
        for _ in range(2)
    ]
    process_id = first[-1].data["process_id"]
    stopped = [await desk.dispatch_as("stop", "stop_process", process_id=process_id) for _ in range(2)]

    assert again == first
    assert [answer.is_error for answer in first] == [False, False, True, False, False]
    assert (desk.directory / "counter").read_text() == "ran ran\n"
    assert stopped[0] == stopped[1]
    assert stopped[0].data["signal"] == "SIGTERM"


async def test_calls_of_one_id_at_once_are_done_once(desk: Desk) -> None:
    command = "echo ran >> counter"

    answers = await asyncio.gather(*(desk.dispatch_as("call", "execute", command=command) for _ in range(6)))

    assert (desk.directory / "counter").read_text() == "ran\n"
    assert {answer.content for answer in answers if not answer.is_error}
    assert (await desk.dispatch_as("call", "execute", command=command)).ok


async def test_an_interrupted_command_is_not_run_again(desk: Desk) -> None:
    ready = Signal(desk.directory / "ready")
    given = {"command": "echo ran >> counter; echo > ready; sleep 300"}
    call = asyncio.create_task(desk.dispatch_as("call", "execute", **given))
    await ready.heard()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call

    again = await desk.dispatch_as("call", "execute", **given)

    assert "what was done is unknown" in again.content
    assert (desk.directory / "counter").read_text() == "ran\n"


async def test_a_stop_ends_everything_that_commands_have_started(desk: Desk) -> None:
    ready = Signal(desk.directory / "ready")
    # Processes that breed, leave their sessions, and hear no signal.
    breed = "trap '' TERM; for i in 1 2 3 4 5 6 7 8; do setsid sh -c 'trap \"\" TERM; sleep 300' & done; "
    running = await desk.call("execute", command=breed + "echo > ready; sleep 300", background=True)
    lost = asyncio.create_task(desk.dispatch("execute", command="sleep 300"))
    await ready.heard()
    before = find_processes(desk.workspace_id)

    stopped = await desk.call("stop_workspace")

    assert running["running"] is True
    assert stopped["stopped"] is True
    assert len(before) > 8
    assert find_processes(desk.workspace_id) == []
    assert await gone(*(process.pid for process in before))
    answer = await lost  # the agent tells how the command ended, or is gone before it can
    assert answer.is_error or '"signal":"SIGTERM"' in answer.content
    assert await desk.text_error("list_files") == "the workspace is stopped; call start_workspace first"


async def test_processes_are_forgotten_with_the_stop_and_files_are_not(desk: Desk) -> None:
    started = await desk.call("execute", command="sleep 300", background=True)
    await desk.call("write_file", path="kept", content="here")

    await desk.call("stop_workspace")
    await desk.call("start_workspace")

    text = await desk.text_error("process_output", process_id=started["process_id"])
    assert "unknown process_id" in text
    assert (await desk.call("read_file", path="kept"))["content"] == "here"


async def test_nothing_of_a_call_stays_in_the_database(desk: Desk) -> None:
    await desk.call("execute", command="echo secret-of-the-command")

    def rows(conn: Connection) -> list[object]:
        return list(conn.rows(ROWS))

    assert await desk.engine.store.read(rows) == []
