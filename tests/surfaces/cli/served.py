"""A real server process, and the command line of people who only have its URL and a token."""

import re
import signal
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.surfaces.cli.command_line import TIME_LIMIT_SECONDS, CommandLine


@dataclass(frozen=True, kw_only=True)
class Served:
    """A running server. ``host`` is the command line where its database is."""

    host: CommandLine
    process: subprocess.Popen[str]
    url: str
    token: str
    folder: Path

    def client(self, name: str = "client", token: str = "") -> CommandLine:
        """The command line on another machine, signed in by its environment."""
        return CommandLine(
            self.folder / name,
            {"CHATTOOL_TOKEN": token or self.token},
            options=("--url", self.url, "--token", token or self.token),
        )


@contextmanager
def served(folder: Path, *words: object, port: int = 0) -> Iterator[Served]:
    """A server on a database of its own, whose owner is ``me``."""
    host = CommandLine(folder / "host")
    url = f"sqlite:///{folder / 'server.db'}"
    token = host.json("--url", url, "users", "first", "me")["key"]
    with running(host, url, port, *words) as (process, address):
        try:
            yield Served(host=host, process=process, url=address, token=token, folder=folder)
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(TIME_LIMIT_SECONDS)
            CommandLine(folder).clean_up()


@contextmanager
def running(
    host: CommandLine, url: str, port: int, *words: object
) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The server process on a database, and where it answers."""
    with host.started("--url", url, "server", "--port", port, *words) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if found := re.search(r"action=ready url=(\S+)", line):
                break
        else:
            raise AssertionError("the server never said where it answers")
        # Nobody reads its log any more, and it must not stand still for that.
        draining = threading.Thread(target=process.stderr.read, daemon=True)
        draining.start()
        yield process, found[1]
        process.send_signal(signal.SIGTERM)
        process.wait(TIME_LIMIT_SECONDS)
        draining.join(TIME_LIMIT_SECONDS)
