"""What an agent does when it is called, by the names of the calls."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.agent.answers import CallProblem, given
from chattool.agent.confinement import Root
from chattool.agent.edits import Edit, edit_files
from chattool.agent.files import read_file, write_file
from chattool.agent.listing import list_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from chattool.agent.commands import Command, Commands
    from db.clock import Clock

    Request = Mapping[str, object]
    Answer = Mapping[str, object]


class Methods:
    """The calls on one workspace."""

    def __init__(self, directory: Path, commands: Commands, clock: Clock) -> None:
        self._directory = directory
        self._commands = commands
        self._clock = clock
        self._by_name: Mapping[str, Callable[[Request], Awaitable[Answer]]] = {
            "execute": self._execute,
            "process_output": self._process_output,
            "stop_process": self._stop_process,
            "read_file": _in_thread(self._read_file),
            "write_file": _in_thread(self._write_file),
            "edit_files": _in_thread(self._edit_files),
            "list_files": _in_thread(self._list_files),
        }

    async def call(self, method: str, request: Request) -> Answer:
        """The answer.

        Raises:
            CallProblem: it cannot be done.
        """
        found = self._by_name.get(method)
        if found is None:
            raise CallProblem("UNKNOWN_METHOD", f"this workspace's agent does not know {method!r}")
        return await found(request)

    async def _execute(self, request: Request) -> Answer:
        directory = await asyncio.to_thread(self._folder, given(request, "cwd", str, ""))
        variables = given(request, "env", dict, {})
        limit_ms = request.get("timeout_ms")
        command = await self._commands.start(
            given(request, "command", str),
            directory,
            {str(name): str(value) for name, value in variables.items()},
            timedelta(milliseconds=limit_ms) if isinstance(limit_ms, int) else None,
        )
        await self._wait(command, request, ends_with_call=True)
        return command.report(command.output.excerpt(ended=command.ended.is_set()))

    async def _process_output(self, request: Request) -> Answer:
        command = self._commands.find(given(request, "process_id", str))
        await self._wait(command, request, ends_with_call=False)
        after = given(request, "after", int, 0)
        return command.report(command.output.after(after, ended=command.ended.is_set()))

    async def _stop_process(self, request: Request) -> Answer:
        command = self._commands.find(given(request, "process_id", str))
        await command.end()
        return command.report(command.output.excerpt(ended=True))

    async def _wait(self, command: Command, request: Request, *, ends_with_call: bool) -> None:
        """Wait for the command's end, as long as the call may; it goes on by itself after that."""
        try:
            await self._clock.wait(command.ended, timedelta(milliseconds=given(request, "wait_ms", int, 0)))
        except asyncio.CancelledError:
            if ends_with_call:
                await command.end()
            raise

    def _folder(self, path: str) -> Path:
        root = Root(self._directory)
        place = root.place(path)
        with root.folder(place):
            return root.directory / place

    def _read_file(self, request: Request) -> Answer:
        return read_file(
            Root(self._directory),
            given(request, "path", str),
            offset=given(request, "offset", int, 1),
            limit=given(request, "limit", int, 2000),
        )

    def _write_file(self, request: Request) -> Answer:
        return write_file(Root(self._directory), given(request, "path", str), given(request, "content", str))

    def _edit_files(self, request: Request) -> Answer:
        edits = [
            Edit(
                path=given(edit, "path", str),
                old=given(edit, "old", str),
                new=given(edit, "new", str),
                replace_all=given(edit, "replace_all", bool, default=False),
            )
            for edit in given(request, "edits", list)
            if isinstance(edit, Mapping)
        ]
        return edit_files(Root(self._directory), edits)

    def _list_files(self, request: Request) -> Answer:
        return list_files(
            Root(self._directory),
            given(request, "path", str, ""),
            depth=given(request, "depth", int, 1),
            hidden=given(request, "hidden", bool, default=False),
        )


def _in_thread(work: Callable[[Request], Answer]) -> Callable[[Request], Awaitable[Answer]]:
    async def run(request: Request) -> Answer:
        return await asyncio.to_thread(work, request)

    return run
