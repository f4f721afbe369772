"""Running a program so that it never outlives us, never blocks on us, and can be stopped politely.

Its output goes to files that are followed: a pipe would kill Terraform in the middle of a write when its
reader dies. It runs in a process group of its own beside a guard, which waits for the end of a pipe that
only this process holds open. When we end, however that happens, the guard kills the whole group.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from dataclasses import dataclass
from datetime import timedelta
from typing import IO, TYPE_CHECKING, Protocol

from provisioner.child_signals import with_default_signals
from provisioner.provisioners.terraform.environment import require_sanitized

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from db.clock import Clock

_TICK = timedelta(milliseconds=50)
_CHUNK_BYTES = 64 << 10
_ANSWER_BYTES = 64 << 20

# The shell leads the group. Without an interrupt the guard ends with the program, and what the program left
# running stays; after one it stays until its pipe is closed, and then takes the rest of the group with it.
_GUARDED = """
exec 3<&0 </dev/null
trap 'interrupted=1' INT
(trap '' INT; read -r _ <&3; kill -KILL 0) >/dev/null 2>&1 &
guard=$!
"$@" 3<&-
code=$?
[ -n "$interrupted" ] || { kill -KILL "$guard"; wait "$guard"; } 2>/dev/null
exit "$code"
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, where, and with which environment."""

    arguments: Sequence[str]
    directory: Path
    environment: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Ended:
    """How a program ended."""

    code: int
    """Its exit code; 128 and more when a signal ended it, negative when its whole group was killed."""
    interrupted: bool = False
    killed: bool = False
    """It did not end in time: what it did last is unknown."""


class Reader(Protocol):
    """Takes what a program writes, as it comes."""

    def feed(self, data: bytes, /) -> None: ...


async def run(
    command: Command,
    output: Path,
    *,
    stdout: Reader,
    stderr: Reader,
    clock: Clock,
    interrupt: asyncio.Event,
    exit_timeout: timedelta,
) -> Ended:
    """Run a program to its end; always reaped, also when this call is cancelled, which kills it at once.

    ``output`` names the files that take what it writes, with the suffixes ``.out`` and ``.err``. After
    ``interrupt`` it gets SIGINT, and SIGKILL when it has not ended within ``exit_timeout``.

    Raises:
        EnvironmentNotSanitized: the environment is not meant for a child; nothing was run.
        OSError: it cannot be started.
    """
    require_sanitized(command.environment)
    with contextlib.ExitStack() as files:
        tails = []
        sinks: list[IO[bytes]] = []
        for suffix, reader in ((".out", stdout), (".err", stderr)):
            path = output.with_name(output.name + suffix)
            sinks.append(files.enter_context(os.fdopen(_private(path), "wb")))
            tails.append(_Tail(files.enter_context(path.open("rb", buffering=0)), reader))
        process = await _Guarded.start(command, *sinks)
        try:
            return await _followed(process, tails, clock, interrupt, exit_timeout)
        finally:
            await process.end()


async def answer(
    command: Command, output: Path, *, clock: Clock, limit: timedelta
) -> tuple[Ended, bytes, bytes]:
    """How a program ended and what it wrote, each part up to 64 MiB; it is stopped after ``limit``.

    Raises:
        OSError: it cannot be started.
    """
    stdout, stderr = _Collector(), _Collector()
    late = asyncio.Event()
    running = asyncio.ensure_future(
        run(
            command,
            output,
            stdout=stdout,
            stderr=stderr,
            clock=clock,
            interrupt=late,
            exit_timeout=timedelta(seconds=5),
        )
    )
    timer = asyncio.ensure_future(clock.sleep(limit))
    timer.add_done_callback(lambda _: late.set())
    try:
        ended = await running
    finally:
        timer.cancel()
        running.cancel()
        await asyncio.gather(running, timer, return_exceptions=True)
    return ended, bytes(stdout.data), bytes(stderr.data)


class _Collector:
    def __init__(self) -> None:
        self.data = bytearray()

    def feed(self, data: bytes) -> None:
        self.data += data[: max(0, _ANSWER_BYTES - len(self.data))]


class _Tail:
    """A file that grows, and who reads it."""

    def __init__(self, file: IO[bytes], reader: Reader) -> None:
        self._file = file
        self._reader = reader

    async def follow(self, clock: Clock) -> None:
        """Hand on what has been written since the last time."""
        while data := self._file.read(_CHUNK_BYTES):
            self._reader.feed(data)
            await clock.sleep(timedelta())  # a flood must not starve the heartbeat


class _Guarded:
    """A program beside its guard."""

    def __init__(self, process: asyncio.subprocess.Process, lifeline: int) -> None:
        self._process = process
        self._lifeline: int | None = lifeline
        self.ended = asyncio.Event()
        self._waiting = asyncio.create_task(self._wait())

    @classmethod
    async def start(cls, command: Command, stdout: IO[bytes], stderr: IO[bytes]) -> _Guarded:
        reader, lifeline = os.pipe()
        try:
            process = await asyncio.create_subprocess_exec(
                *with_default_signals(("/bin/sh", "-c", _GUARDED, "sh", *command.arguments)),
                cwd=command.directory,
                env=command.environment,
                stdin=reader,
                stdout=stdout,
                stderr=stderr,
                start_new_session=True,
            )
        except BaseException:
            os.close(lifeline)
            raise
        finally:
            os.close(reader)
        return cls(process, lifeline)

    @property
    def code(self) -> int:
        return self._process.returncode or 0

    def interrupt(self) -> None:
        """Ask the whole group to end: children of the program would not hear of it otherwise."""
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGINT)

    def kill(self) -> None:
        """Kill the whole group, as far as its guard still stands."""
        if self._lifeline is not None:
            os.close(self._lifeline)
            self._lifeline = None

    async def end(self) -> None:
        """Leave nothing behind: no process, no zombie, no open pipe."""
        self.kill()
        await self._waiting

    async def _wait(self) -> None:
        try:
            await self._process.wait()
        finally:
            self.ended.set()


async def _followed(
    process: _Guarded,
    tails: Sequence[_Tail],
    clock: Clock,
    interrupt: asyncio.Event,
    exit_timeout: timedelta,
) -> Ended:
    deadline: timedelta | None = None
    killed = False
    while not process.ended.is_set():
        if interrupt.is_set() and deadline is None:
            deadline = clock.monotonic() + exit_timeout
            process.interrupt()
        if deadline is not None and clock.monotonic() >= deadline and not killed:
            killed = True
            process.kill()
        await clock.wait(process.ended, _TICK)
        for tail in tails:
            await tail.follow(clock)
    for tail in tails:
        await tail.follow(clock)
    return Ended(code=process.code, interrupted=deadline is not None, killed=killed)


def _private(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
