"""A state directory whose engine and workspaces end with the test."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import psutil

from chattool import open_engine
from chattool.background import EngineStatus, ensure, status
from chattool.background.state_directory import StateDirectory
from chattool.engine import Engine
from db import builds
from db.ids import BuildId
from db.records import Build
from db.states import JobStatus
from tests.echo_templates import COMPLETE, Step

GUARD_SECONDS = 20
REPOSITORY = Path(__file__).parents[3]
SLOW: Step = {"delay_ms": 600, "complete": {}}
ENDLESS: Step = {"delay_ms": 600_000, "complete": {}}
SCRATCH = REPOSITORY / "examples" / "templates" / "scratch"


class EngineHome(StateDirectory):
    """The directory as a test uses it. Nobody here runs a daemon: that is the engine's work."""

    async def ensure(self) -> EngineStatus:
        return await ensure(self.home)

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Engine]:
        """What a command does: see to the engine, then open the store."""
        await self.ensure()
        async with open_engine(self.url, run_daemon=False) as engine:
            yield engine

    async def call(self, tool: str, arguments: Mapping[str, object], chat: str = "default") -> dict[str, Any]:
        async with self.client() as engine, asyncio.timeout(GUARD_SECONDS):
            answer = await (await engine.toolset(chat)).dispatch(tool, arguments)
        result: dict[str, Any] = json.loads(answer.content)
        return result

    async def push_scratch(self) -> str:
        """The id of a template that makes real workspaces."""
        return await self._push(SCRATCH)

    async def push_echo(self, *apply: Step) -> str:
        """The id of a template whose builds play ``apply``."""
        folder = self.home.parent / "echo"
        folder.mkdir()
        (folder / "0.parse.json").write_text(json.dumps(COMPLETE))
        (folder / "0.plan.json").write_text(json.dumps(COMPLETE))
        for number, step in enumerate(apply):
            (folder / f"{number}.apply.json").write_text(json.dumps(step))
        return await self._push(folder)

    async def begin_build(self, template: str, stage: str = "") -> BuildId:
        """A build that an engine has begun and is at, in ``stage`` if one is named."""
        answer = await self.call("create_workspace", {"template_id": template, "wait_seconds": 0})
        build_id = BuildId(answer["build_id"])
        async with self.client() as engine, asyncio.timeout(GUARD_SECONDS):
            with engine.store.wakeups.subscribe(builds.topic(build_id)) as changes:
                while (at := (await engine.store.read(builds.build, build_id)).job.stage) is None or (
                    stage and at != stage
                ):
                    await changes.wait(timedelta(seconds=1))
        return build_id

    async def build(self, build_id: BuildId) -> Build:
        """The build as the database has it, without any engine."""
        async with open_engine(self.url, run_daemon=False) as engine:
            return await engine.store.read(builds.build, build_id)

    async def ended(self, engine: EngineStatus) -> None:
        """Wait until the process of ``engine`` is gone."""
        assert engine.pid is not None
        with suppress(psutil.NoSuchProcess):
            await asyncio.to_thread(psutil.Process(engine.pid).wait, GUARD_SECONDS)

    async def kill(self, engine: EngineStatus) -> None:
        assert engine.pid is not None
        os.kill(engine.pid, signal.SIGKILL)
        await self.ended(engine)

    async def _push(self, folder: Path) -> str:
        async with self.client() as engine, asyncio.timeout(GUARD_SECONDS):
            await engine.set_allowance("Everyone", 100)
            return str((await engine.push_template(folder)).id)


def end_processes(directory: StateDirectory) -> None:
    """Kill the engine of a directory and every process of its workspaces."""
    pid = status(directory.home).pid
    if pid is not None:
        with suppress(psutil.NoSuchProcess):
            psutil.Process(pid).kill()
    for process in _of_workspaces(directory):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _of_workspaces(directory: StateDirectory) -> Iterable[psutil.Process]:
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            place = process.environ().get("CHATTOOL_WORKSPACE_DIRECTORY", "")
            if Path(place).is_relative_to(directory.workspaces):
                yield process


async def run_python(*arguments: str) -> tuple[int, str]:
    """The exit code and the output of a Python process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *arguments,
        cwd=REPOSITORY,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    try:
        async with asyncio.timeout(GUARD_SECONDS):
            output, _ = await process.communicate()
    finally:
        with suppress(ProcessLookupError):
            process.kill()
    assert process.returncode is not None
    return process.returncode, output.decode()


def is_active(build: Build) -> bool:
    return build.job.status in {JobStatus.PENDING, JobStatus.RUNNING, JobStatus.CANCELING}
