"""From troubles inside a workspace, too; on a real engine, with a real agent that runs real commands."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from chattool.engine import Engine, open_engine
from chattool.settings import ToolSettings
from provisioner.provisioners.processes import kill_processes
from tests.integration.recovery.scripted_agent import ScriptedAgent
from tests.integration.recovery.test_recovery import nobody, shown
from tests.integration.test_agent_calls import Signal

__all__ = ["shown"]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[Engine]:
    """An engine, whose default chat has a running workspace."""
    folder = tmp_path / "template"
    folder.mkdir()
    (folder / "template.toml").write_text('name = "plain"\n')
    async with open_engine(
        f"sqlite:///{tmp_path / 'chattool.sqlite3'}",
        user="ana",
        workspaces=tmp_path / "workspaces",
        tool_settings=ToolSettings(agent_inactive_timeout=timedelta(seconds=15)),
    ) as engine:
        template = await engine.push_template(folder)
        given = {"template_id": str(template.id), "name": "dev"}
        created = await (await engine.toolset()).dispatch("create_workspace", given)
        assert not created.is_error, created.content
        try:
            yield engine
        finally:
            kill_processes(str(created.data["workspace_id"]))


async def directory(engine: Engine) -> tuple[Path, int]:
    """Where the workspace is, and the process of its agent."""
    answer = await (await engine.toolset()).dispatch("execute", {"command": "pwd; echo $PPID"})
    assert not answer.is_error, answer.content
    path, pid = str(answer.data["output"]).split()
    return Path(path), int(pid)


@pytest.mark.timeout(120)
async def test_a_command_that_takes_longer_than_a_call(
    engine: Engine, shown: Callable[[str, ScriptedAgent], None]
) -> None:
    place, _ = await directory(engine)
    go = Signal(place / "go")
    following = asyncio.Event()
    agent = ScriptedAgent(
        await engine.toolset(),
        nobody,
        "",
        knows={"wait_seconds": 20},
        on_call=lambda tool: following.set() if tool == "process_output" else None,
    )
    work = asyncio.create_task(
        agent.work("execute", command="cat go > /dev/null; echo built", wait_seconds=0)
    )
    async with asyncio.timeout(40):
        await following.wait()
    await go.say()
    answer = await work

    assert agent.called == ["execute", "process_output"]
    assert (answer["exit_code"], answer["output"]) == (0, "built\n")
    shown("A command that takes longer than a call", agent)


@pytest.mark.timeout(120)
async def test_an_agent_that_is_lost_during_a_command(
    engine: Engine, shown: Callable[[str, ScriptedAgent], None]
) -> None:
    place, pid = await directory(engine)
    ready = Signal(place / "ready")
    command = "echo > ready; sleep 300"
    agent = ScriptedAgent(await engine.toolset(), nobody, "", knows={"command": command})
    work = asyncio.create_task(agent.work("execute", command=command))
    await ready.heard()
    os.kill(pid, signal.SIGKILL)
    answer = await work

    assert agent.called == ["execute", "execute", "stop_workspace", "start_workspace"]
    assert answer["agent_status"] == "ready"
    shown("An agent that is lost during a command", agent)
