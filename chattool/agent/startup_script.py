"""The start-up script as a process."""

from __future__ import annotations

import asyncio
import os
import tempfile
from typing import TYPE_CHECKING

from chattool.agent.settings import TOKEN_VARIABLE
from provisioner.child_signals import with_default_signals

if TYPE_CHECKING:
    from pathlib import Path

    from chattool.agent.script_output import ScriptOutput


async def run_script(script: str, directory: Path, output: ScriptOutput) -> int:
    """The exit code of the script, a negative one when a signal ended it.

    What it leaves running in the background keeps running, and is still listened to.

    Raises:
        OSError: it cannot be started.
    """
    environment = {name: value for name, value in os.environ.items() if name != TOKEN_VARIABLE}
    # A file, because the length of an argument is limited, and scripts may read standard input.
    with tempfile.NamedTemporaryFile("w", prefix="chattool-", suffix=".sh", encoding="utf-8") as file:
        file.write(script)
        file.flush()
        # Not a pipe of asyncio's: waiting for the process would wait for its background as well.
        reader, writer = os.pipe()
        try:
            output.listen(await _stream(reader))
            process = await asyncio.create_subprocess_exec(
                *with_default_signals(("/bin/sh", file.name)),
                cwd=directory,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=writer,
                stderr=writer,
                process_group=0,
            )
        finally:
            os.close(writer)
        return await process.wait()


async def _stream(descriptor: int) -> asyncio.StreamReader:
    stream = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(descriptor, "rb")
    )
    return stream
