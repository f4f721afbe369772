"""The start-up script as a process."""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import TYPE_CHECKING

from chattool.agent.settings import TOKEN_VARIABLE

if TYPE_CHECKING:
    from pathlib import Path

    from chattool.agent.descendants import Children
    from chattool.agent.script_output import ScriptOutput


async def run_script(script: str, directory: Path, output: ScriptOutput, children: Children) -> int:
    """The exit code of the script, a negative one when a signal ended it.

    What it leaves running in the background keeps running, and is still listened to.

    Raises:
        OSError: it cannot be started.
    """
    # A file, because the length of an argument is limited, and scripts may read standard input.
    with tempfile.NamedTemporaryFile("w", prefix="chattool-", suffix=".sh", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        # Not a pipe of asyncio's: waiting for the process would wait for its background as well.
        reader, writer = os.pipe()
        try:
            output.listen(await stream(reader))
            process = await children.start(
                "/bin/sh", file.name, directory=directory, environment=script_environment(), output=writer
            )
        finally:
            os.close(writer)
        return await children.end(process)


def script_environment() -> dict[str, str]:
    """What scripts and commands find in their environment: the agent's own, without its token."""
    return {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}


async def stream(descriptor: int) -> asyncio.StreamReader:
    """What is written to the other end of a pipe."""
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(descriptor, "rb")
    )
    return reader
