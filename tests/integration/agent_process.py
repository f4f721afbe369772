"""The workspace agent as a real process, against the real endpoint, as fixtures."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import psutil
import pytest

from chattool.api.endpoint import AgentsEndpoint
from tests.agents import GUARD_SECONDS, RecordingAgents

StartAgent = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
def agents() -> RecordingAgents:
    return RecordingAgents()


@pytest.fixture
async def endpoint(agents: RecordingAgents) -> AsyncIterator[AgentsEndpoint]:
    async with AgentsEndpoint(agents) as endpoint:
        yield endpoint


@pytest.fixture
async def start_agent(tmp_path: Path, endpoint: AgentsEndpoint) -> AsyncIterator[StartAgent]:
    started: list[asyncio.subprocess.Process] = []

    async def start(*before: str, **variables: str) -> asyncio.subprocess.Process:
        environment = {
            "PATH": os.environ["PATH"],
            "CHATTOOL_AGENT_TOKEN": "secret-token",
            "CHATTOOL_SERVER_URL": endpoint.url,
            "CHATTOOL_WORKSPACE_DIRECTORY": str(tmp_path),
        }
        process = await asyncio.create_subprocess_exec(
            *before,
            sys.executable,
            "-P",
            "-m",
            "chattool.agent",
            env=environment | variables,
            stdin=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            for child in psutil.Process(process.pid).children(recursive=True):
                child.kill()
            process.kill()
            await process.wait()


async def ended(process: asyncio.subprocess.Process) -> int:
    async with asyncio.timeout(GUARD_SECONDS):
        return await process.wait()
