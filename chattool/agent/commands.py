"""Commands that run in the workspace, each known by a handle until the workspace stops."""

from __future__ import annotations

import asyncio
import os
import secrets
import signal
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from chattool.agent.answers import CallProblem
from chattool.agent.descendants import end_marked
from chattool.agent.output import Output
from chattool.agent.startup_script import script_environment, stream

if TYPE_CHECKING:
    from asyncio.subprocess import Process
    from collections.abc import Mapping

    from chattool.agent.descendants import Children
    from chattool.agent.output import Excerpt
    from db.clock import Clock

RUNNING_LIMIT = 64
ENDED_KEPT = 32
COMMAND_LIMIT_BYTES = 100_000
EXIT_TIMEOUT = timedelta(seconds=2)
_LAST_OUTPUT = timedelta(milliseconds=250)
_MARK = "CHATTOOL_PROCESS_ID"
_CHUNK_BYTES = 64 << 10


class Command:
    """One command. ``ended`` is set when its shell has ended and what it wrote is here."""

    def __init__(self, name: str, children: Children, clock: Clock) -> None:
        self.name = name
        self.output = Output()
        self.ended = asyncio.Event()
        self.code: int | None = None
        self.timed_out = False
        self._children = children
        self._clock = clock
        self._began = clock.monotonic()
        self._took: timedelta | None = None
        self._process: Process | None = None
        self._closed = asyncio.Event()
        self._ending: asyncio.Task[None] | None = None

    @property
    def holds_on(self) -> bool:
        """Whether something that it started is still running, or may be."""
        return not self._closed.is_set()

    async def start(self, text: str, directory: Path, variables: Mapping[str, str]) -> None:
        """Start it.

        Raises:
            OSError: it cannot be started.
        """
        reader, writer = os.pipe()
        try:
            output = await stream(reader)
            self._process = await self._children.start(
                shell(),
                "-c",
                text,
                directory=directory,
                environment={**script_environment(), **variables, _MARK: self.name},
                output=writer,
            )
        finally:
            os.close(writer)
        self._began = self._clock.monotonic()
        self._listening = asyncio.create_task(self._listen(output))
        self._waiting = asyncio.create_task(self._wait(self._process))

    async def end(self) -> None:
        """End it and everything that it started, politely at first. Repeated calls are one."""
        if self._ending is None or self._ending.done():
            self._ending = asyncio.create_task(self._end())
        await asyncio.shield(self._ending)

    def report(self, excerpt: Excerpt) -> dict[str, object]:
        """How it stands, with a part of its output."""
        took = self._took or self._clock.monotonic() - self._began
        report: dict[str, object] = {
            "process_id": self.name,
            "running": not self.ended.is_set(),
            "output": excerpt.text,
            "next_after": excerpt.next_after,
            "output_bytes": self.output.total,
            "duration_ms": round(took.total_seconds() * 1000),
        }
        if excerpt.omitted_bytes:
            report["omitted_bytes"] = excerpt.omitted_bytes
        if self.ended.is_set() and self.code is not None:
            if self.code >= 0:
                report["exit_code"] = self.code
            else:
                report["signal"] = _signal_name(-self.code)
            if self.holds_on:
                report["left_running"] = True
        if self.timed_out:
            report["timed_out"] = True
        return report

    async def _listen(self, output: asyncio.StreamReader) -> None:
        while chunk := await output.read(_CHUNK_BYTES):
            self.output.add(chunk)
        self._closed.set()

    async def _wait(self, process: Process) -> None:
        self.code = await self._children.end(process)
        self._took = self._clock.monotonic() - self._began
        # What it left running may hold the pipe for ever; what it wrote itself is in there by now.
        await self._clock.wait(self._closed, _LAST_OUTPUT)
        self.ended.set()

    async def _end(self) -> None:
        leader = self._process.pid if self._process is not None and self.code is None else None
        await asyncio.to_thread(end_marked, f"{_MARK}={self.name}", leader, timeout=EXIT_TIMEOUT)
        await self._clock.wait(self.ended, EXIT_TIMEOUT)
        self._children.collect_orphans()


class Commands:
    """All commands of one run of the agent."""

    def __init__(self, children: Children, clock: Clock) -> None:
        self._children = children
        self._clock = clock
        self._commands: dict[str, Command] = {}
        self._limits: set[asyncio.Task[None]] = set()

    async def start(
        self, text: str, directory: Path, variables: Mapping[str, str], limit: timedelta | None
    ) -> Command:
        """A started command, which is ended after ``limit``.

        Raises:
            CallProblem: it cannot be started.
        """
        if len(text.encode(errors="replace")) > COMMAND_LIMIT_BYTES:
            raise CallProblem(
                "COMMAND_TOO_LONG",
                f"the command is longer than {COMMAND_LIMIT_BYTES:,} bytes; write it to a file with "
                "write_file, then execute the file",
            )
        if len(self._running()) >= RUNNING_LIMIT:
            raise CallProblem(
                "TOO_MANY_PROCESSES",
                f"{RUNNING_LIMIT} commands are running already; end some by stop_process",
            )
        command = Command(f"p{secrets.token_hex(4)}", self._children, self._clock)
        self._commands[command.name] = command
        try:
            await command.start(text, directory, variables)
        except (OSError, ValueError) as error:
            del self._commands[command.name]
            raise CallProblem("NOT_STARTED", f"the command was not started: {error}") from error
        except asyncio.CancelledError:
            await command.end()
            raise
        self._forget_oldest()
        if limit is not None:
            watch = asyncio.create_task(self._end_after(command, limit))
            self._limits.add(watch)
            watch.add_done_callback(self._limits.discard)
        return command

    def find(self, name: str) -> Command:
        """The command with that handle.

        Raises:
            CallProblem: there is none, any more.
        """
        command = self._commands.get(name)
        if command is None:
            running = self._running()
            raise CallProblem(
                "UNKNOWN_PROCESS",
                "unknown process_id; a process is known until its workspace stops, "
                "or for a while after its own end. "
                f"Running now: {', '.join(running) or 'none'}",
            )
        return command

    async def _end_after(self, command: Command, limit: timedelta) -> None:
        if not await self._clock.wait(command.ended, limit):
            command.timed_out = True
            await command.end()

    def _running(self) -> list[str]:
        """The commands that run, or have left something running."""
        return [each.name for each in self._commands.values() if not each.ended.is_set() or each.holds_on]

    def _forget_oldest(self) -> None:
        running = set(self._running())
        ended = [name for name in self._commands if name not in running]
        for name in ended[: max(0, len(ended) - ENDED_KEPT)]:
            del self._commands[name]


def shell() -> str:
    """The shell that runs commands: bash where there is one, since that is what models write."""
    return next((found for found in ("/bin/bash", "/usr/bin/bash") if Path(found).exists()), "/bin/sh")


def _signal_name(number: int) -> str:
    with suppress(ValueError):
        return signal.Signals(number).name
    return str(number)
