"""A daemon's process ends as its signals say."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from typing_extensions import override

from chattool.background import EngineStatus, status
from db.states import JobStatus
from tests.integration.background.engine_home import (
    ENDLESS,
    GUARD_SECONDS,
    REPOSITORY,
    SLOW,
    EngineHome,
    is_active,
)


class DaemonHome(EngineHome):
    """A state directory whose builds are made by a daemon in the foreground."""

    @override
    async def ensure(self) -> EngineStatus:
        return status(self.home)


@pytest.fixture
def home(tmp_path: Path) -> DaemonHome:
    return DaemonHome(tmp_path / "home")


@pytest.fixture
async def daemon(home: DaemonHome) -> AsyncIterator[asyncio.subprocess.Process]:
    """The process of a daemon that is ready."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.background.daemon", home.url),
        cwd=REPOSITORY,
        stderr=asyncio.subprocess.PIPE,
    )
    await logged(process, "the daemon is ready")
    yield process
    with suppress(ProcessLookupError):
        process.kill()
    await process.communicate()


async def logged(process: asyncio.subprocess.Process, text: str) -> None:
    """Wait until the process has logged ``text``."""
    assert process.stderr is not None
    async with asyncio.timeout(GUARD_SECONDS):
        while text not in (line := (await process.stderr.readline()).decode()):
            assert line, "the daemon has ended"


async def ended(process: asyncio.subprocess.Process) -> int:
    """The exit code."""
    async with asyncio.timeout(GUARD_SECONDS):
        return await process.wait()


async def test_sigterm_lets_builds_finish(home: DaemonHome, daemon: asyncio.subprocess.Process) -> None:
    build_id = await home.begin_build(await home.push_echo(SLOW))

    daemon.send_signal(signal.SIGTERM)

    assert await ended(daemon) == 0
    assert (await home.build(build_id)).job.status is JobStatus.SUCCEEDED


async def test_a_second_sigterm_interrupts_builds(
    home: DaemonHome, daemon: asyncio.subprocess.Process
) -> None:
    build_id = await home.begin_build(await home.push_echo(ENDLESS))

    daemon.send_signal(signal.SIGTERM)
    await logged(daemon, "draining")
    daemon.send_signal(signal.SIGTERM)

    assert await ended(daemon) == 1
    assert not is_active(await home.build(build_id))


async def test_sigint_interrupts_builds(home: DaemonHome, daemon: asyncio.subprocess.Process) -> None:
    build_id = await home.begin_build(await home.push_echo(ENDLESS))

    daemon.send_signal(signal.SIGINT)

    assert await ended(daemon) == 1
    assert not is_active(await home.build(build_id))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_an_idle_daemon_ends_at_once(
    daemon: asyncio.subprocess.Process, number: signal.Signals
) -> None:
    daemon.send_signal(number)

    assert await ended(daemon) == 0
