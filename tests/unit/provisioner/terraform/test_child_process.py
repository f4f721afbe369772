"""A program never outlives its daemon, never blocks on it, and is stopped politely first."""

import asyncio
import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import psutil
import pytest

from db.clock import SystemClock
from provisioner.provisioners.terraform import child_process
from provisioner.provisioners.terraform.child_process import Command, Ended
from provisioner.provisioners.terraform.environment import EnvironmentNotSanitized, sanitized
from tests.process_ends import GUARD_SECONDS, WITHOUT_SIGNALS, is_gone

CLOCK = SystemClock()
PATIENT = timedelta(seconds=30)
SHORT = timedelta(milliseconds=100)


class Recorder:
    """Keeps what it is fed, and says when a word has come."""

    def __init__(self, word: bytes = b"ready") -> None:
        self.data = b""
        self.seen = asyncio.Event()
        self._word = word

    def feed(self, data: bytes) -> None:
        self.data += data
        if self._word in self.data:
            self.seen.set()

    async def until_seen(self) -> None:
        async with asyncio.timeout(GUARD_SECONDS):
            await self.seen.wait()

    @property
    def pid(self) -> int:
        """The number that the program wrote before the word."""
        return int(self.data.split()[0])


def shell(script: str, directory: Path) -> Command:
    return Command(
        arguments=("/bin/sh", "-c", script), directory=directory, environment=sanitized(os.environ)
    )


async def run(
    script: str,
    directory: Path,
    *,
    stdout: Recorder | None = None,
    interrupt: asyncio.Event | None = None,
    exit_timeout: timedelta = PATIENT,
) -> Ended:
    async with asyncio.timeout(GUARD_SECONDS):
        return await child_process.run(
            shell(script, directory),
            directory / "log",
            stdout=stdout or Recorder(),
            stderr=Recorder(),
            clock=CLOCK,
            interrupt=interrupt or asyncio.Event(),
            exit_timeout=exit_timeout,
        )


async def test_output_and_exit_code_come_back(tmp_path: Path) -> None:
    command = shell("echo out; echo err >&2; exit 7", tmp_path)

    ended, out, err = await child_process.answer(command, tmp_path / "x", clock=CLOCK, limit=PATIENT)

    assert (ended, out, err) == (Ended(code=7), b"out\n", b"err\n")
    assert (tmp_path / "x.out").stat().st_mode & 0o777 == 0o600


async def test_nothing_can_be_read_from_standard_input(tmp_path: Path) -> None:
    out = Recorder()

    await run("cat; echo ready", tmp_path, stdout=out)

    assert out.data == b"ready\n"


async def test_a_flood_of_bytes_is_read_to_its_end(tmp_path: Path) -> None:
    out = Recorder()

    await run("head -c 3000000 /dev/zero; printf ready", tmp_path, stdout=out)

    assert len(out.data) == 3_000_005


async def test_an_interrupt_is_heard_by_the_program_and_its_children(tmp_path: Path) -> None:
    out, interrupt = Recorder(), asyncio.Event()
    script = "trap 'echo polite; exit 3' INT; sleep 60 & echo $!; echo ready; wait"
    running = asyncio.create_task(run(script, tmp_path, stdout=out, interrupt=interrupt))
    await out.until_seen()

    interrupt.set()
    ended = await running

    assert ended == Ended(code=3, interrupted=True)
    assert b"polite" in out.data
    # Its shell lets a background job ignore the signal; it ends with the group.
    assert await asyncio.to_thread(is_gone, out.pid)


async def test_a_program_that_does_not_listen_is_killed_with_its_children(tmp_path: Path) -> None:
    out, interrupt = Recorder(), asyncio.Event()
    script = "trap '' INT TERM; sleep 60 & echo $!; echo ready; wait"
    running = asyncio.create_task(run(script, tmp_path, stdout=out, interrupt=interrupt, exit_timeout=SHORT))
    await out.until_seen()

    interrupt.set()
    ended = await running

    assert (ended.interrupted, ended.killed) == (True, True)
    assert ended.code != 0
    assert await asyncio.to_thread(is_gone, out.pid)


async def test_a_cancelled_call_leaves_no_process(tmp_path: Path) -> None:
    out = Recorder()
    running = asyncio.create_task(run("sleep 60 & echo $!; echo ready; wait", tmp_path, stdout=out))
    await out.until_seen()

    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running

    assert await asyncio.to_thread(is_gone, out.pid)


async def test_what_a_program_leaves_in_the_background_stays(tmp_path: Path) -> None:
    out = Recorder()

    ended = await run("sleep 60 >/dev/null & echo $!; echo ready", tmp_path, stdout=out)

    background = psutil.Process(out.pid)
    assert (ended.code, background.is_running()) == (0, True)
    background.kill()


DAEMON = """
import asyncio, sys
from datetime import timedelta
from pathlib import Path
from db.clock import SystemClock
from provisioner.provisioners.terraform import child_process
from provisioner.provisioners.terraform.child_process import Command

class Tell:
    def feed(self, data):
        sys.stdout.write(data.decode())
        sys.stdout.flush()

directory = Path(sys.argv[1])
command = Command(
    arguments=("/bin/sh", "-c", "sleep 60 & echo $!; echo $$; wait"), directory=directory, environment={}
)
asyncio.run(child_process.run(command, directory / "log", stdout=Tell(), stderr=Tell(),
    clock=SystemClock(), interrupt=asyncio.Event(), exit_timeout=timedelta(minutes=1)))
"""


def test_a_killed_daemon_takes_its_programs_along(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, ["", *sys.path]))}
    daemon = subprocess.Popen(
        [sys.executable, "-c", DAEMON, str(tmp_path)], stdout=subprocess.PIPE, env=environment
    )
    assert daemon.stdout is not None
    child, program = (int(daemon.stdout.readline()) for _ in range(2))

    daemon.send_signal(signal.SIGKILL)
    daemon.wait(GUARD_SECONDS)
    daemon.stdout.close()

    assert is_gone(child)
    assert is_gone(program)


INTERRUPTING = """
import asyncio, os, sys
from datetime import timedelta
from pathlib import Path
from db.clock import SystemClock
from provisioner.provisioners.terraform import child_process
from provisioner.provisioners.terraform.environment import sanitized

interrupt = asyncio.Event()
class Interrupt:
    def feed(self, data):
        interrupt.set()

directory = Path(sys.argv[1])
script = "trap 'exit 3' INT; echo ready; sleep 60 & wait"
command = child_process.Command(
    arguments=("/bin/sh", "-c", script), directory=directory, environment=sanitized(os.environ)
)
print(asyncio.run(child_process.run(command, directory / "log", stdout=Interrupt(), stderr=Interrupt(),
    clock=SystemClock(), interrupt=interrupt, exit_timeout=timedelta(seconds=10))))
"""


@pytest.mark.parametrize("before", [(), WITHOUT_SIGNALS], ids=["foreground", "background"])
def test_a_program_hears_an_interrupt_however_its_daemon_was_started(
    before: tuple[str, ...], tmp_path: Path
) -> None:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, ["", *sys.path]))}

    ended = subprocess.run(
        [*before, sys.executable, "-c", INTERRUPTING, str(tmp_path)],
        stdout=subprocess.PIPE,
        env=environment,
        timeout=GUARD_SECONDS,
        check=True,
    )

    assert ended.stdout.decode().strip() == str(Ended(code=3, interrupted=True))


async def test_a_program_that_takes_too_long_is_stopped(tmp_path: Path) -> None:
    command = shell("sleep 60", tmp_path)

    ended, _, _ = await child_process.answer(command, tmp_path / "x", clock=CLOCK, limit=SHORT)

    assert ended.interrupted


async def test_an_environment_of_the_daemon_itself_is_refused(tmp_path: Path) -> None:
    environment = {"CHATTOOL_CANARY": "1"}
    command = Command(arguments=("/bin/true",), directory=tmp_path, environment=environment)

    with pytest.raises(EnvironmentNotSanitized):
        await child_process.answer(command, tmp_path / "x", clock=CLOCK, limit=PATIENT)
