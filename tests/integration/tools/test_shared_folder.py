"""Engines of two databases whose workspaces share a folder, as those of two SQLite files in one directory."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from chattool.bundled_templates import bundled_templates
from chattool.engine import Engine, open_engine
from chattool.engine.local_agents import URL_FILE
from provisioner.provisioners.processes import kill_processes

GUARD_SECONDS = 40


@asynccontextmanager
async def opened(folder: Path, name: str) -> AsyncIterator[Engine]:
    async with asyncio.timeout(2 * GUARD_SECONDS), open_engine(f"sqlite:///{folder / name}.db") as engine:
        yield engine


async def call(engine: Engine, tool: str, **arguments: object) -> dict[str, object]:
    response = await (await engine.toolset()).dispatch(tool, arguments)
    assert not response.is_error, response.content
    found: dict[str, object] = json.loads(response.content)
    return found


@pytest.fixture
async def ids() -> AsyncIterator[list[str]]:
    """Of workspaces, whose processes are ended after the test."""
    made: list[str] = []
    yield made
    for workspace_id in made:
        kill_processes(workspace_id)


async def create(engine: Engine, ids: list[str]) -> None:
    scratch = next(folder for folder in bundled_templates() if folder.name == "scratch")
    template = await engine.push_template(scratch)
    await engine.set_allowance("Everyone", 100)
    ids.append(str((await call(engine, "create_workspace", template_id=str(template.id)))["workspace_id"]))


async def agent_pid(engine: Engine) -> object:
    """The process of the workspace's agent: what runs commands is its child."""
    return (await call(engine, "execute", command="echo $PPID"))["output"]


async def test_each_engine_answers_its_own_agents(tmp_path: Path, ids: list[str]) -> None:
    async with opened(tmp_path, "one") as one, opened(tmp_path, "two") as two:
        await create(one, ids)
        await create(two, ids)

        assert await agent_pid(one) != await agent_pid(two)


async def test_an_agent_waits_for_its_own_engine_while_another_runs(tmp_path: Path, ids: list[str]) -> None:
    async with opened(tmp_path, "one") as one:
        await create(one, ids)
        before = await agent_pid(one)
    async with opened(tmp_path, "two") as two:
        await create(two, ids)

    async with opened(tmp_path, "one") as one:
        assert await agent_pid(one) == before


async def test_agents_that_look_into_the_file_of_all_databases_find_the_first_that_comes_back(
    tmp_path: Path, ids: list[str]
) -> None:
    folder = tmp_path / "workspaces"
    folder.mkdir()
    (folder / URL_FILE).write_text("http://127.0.0.1:1")

    urls = []
    for name in ("one", "two", "one"):
        async with opened(tmp_path, name) as engine:
            await create(engine, ids)
            own = folder / f"{URL_FILE}-{engine.organization.id}"
            urls.append((folder / URL_FILE).read_text() == own.read_text())

    assert urls == [True, False, True]
