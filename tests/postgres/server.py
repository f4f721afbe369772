"""A private PostgreSQL server: its process, and its end."""

from __future__ import annotations

import shutil
import socket
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from tests.postgres.account import Account
from tests.postgres.cluster import create_cluster
from tests.postgres.databases import HOST, PostgresDatabases
from tests.postgres.installation import Installation, PostgresUnavailable

if TYPE_CHECKING:
    import subprocess
    from types import TracebackType

_SETTINGS = """
listen_addresses = '{host}'
port = {port}
unix_socket_directories = '{directory}'
max_connections = 300
"""
# A commit still reaches the operating system, so it survives `stop("immediate")`.
_NOT_DURABLE = """
fsync = off
max_wal_size = 256MB
full_page_writes = off
"""
#: Where files are in memory on Linux, and how much of it a server may come to need.
_MEMORY = Path("/dev/shm")  # noqa: S108 - mkdtemp makes a folder of our own there
_NEEDED_BYTES = 2 << 30
# Ends the server and removes its files when told to, or when the process that started it is gone,
# even by kill -9: either way `read` returns.
_GUARD = """
read -r _
"$1/pg_ctl" stop --pgdata "$2/data" --mode immediate
rm -rf "$2"
"""


class PostgresServer:
    """A server of one's own, from ``with`` to its end; nothing of it is left behind.

    With ``durable`` a commit waits for the disk, as benchmarks need it. ``directory`` holds the
    data folder, the server's log and its socket, which takes the superuser without a password.
    """

    def __init__(self, installation: Installation | None = None, *, durable: bool = False) -> None:
        self._installation = installation or Installation.find()
        self._programs = self._installation.programs
        self._durable = durable
        self._account = Account.unprivileged()
        self.directory = Path()
        self._guard: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> PostgresDatabases:
        """Start the server.

        Raises:
            PostgresUnavailable: it does not start; the text says why.

        """
        self.directory = Path(tempfile.mkdtemp(prefix="chattool-postgres-", dir=self._parent()))
        self._account.own(self.directory)
        self._bring_programs_within_reach()
        self._guard = self._account.popen("/bin/sh", "-c", _GUARD, "guard", self._programs, self.directory)
        try:
            password = create_cluster(self.directory, self._programs, self._account)
            port = self._start_on_free_port()
        except BaseException:
            self.close()
            raise
        return PostgresDatabases(port=port, password=password, description=self._installation.description)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def start(self) -> None:
        """Start again on the same port, after ``stop``; the data is as the stop left it."""
        self._pg_ctl("start", "--log", str(self.directory / "log"), "--timeout", "30")

    def stop(self, mode: Literal["immediate", "fast"] = "immediate") -> None:
        """Stop, keeping the files: like a crash, or (``fast``) closing down in order."""
        self._pg_ctl("stop", "--mode", mode)

    def close(self) -> None:
        """Stop and remove everything; harmless when repeated."""
        if self._guard is None:
            return
        self._guard.communicate(b"\n")
        self._guard = None
        shutil.rmtree(self.directory, ignore_errors=True)

    def _parent(self) -> Path | None:
        """Memory when there is much of it: a database of a test is made five times as fast there."""
        if self._durable or not _MEMORY.is_dir() or shutil.disk_usage(_MEMORY).free < _NEEDED_BYTES:
            return None
        return _MEMORY

    def _bring_programs_within_reach(self) -> None:
        """Copy the installation when it lies below a folder that is closed to the account."""
        if not self._account.reaches(self._programs / "postgres"):
            self._programs = self._installation.copy(self.directory / "installation")
            self._account.own(self.directory)

    def _start_on_free_port(self) -> int:
        try:
            return self._start_on(_free_port())
        except PostgresUnavailable:  # perhaps somebody else took the port first
            return self._start_on(_free_port())

    def _start_on(self, port: int) -> int:
        settings = _SETTINGS.format(host=HOST, port=port, directory=self.directory)
        if not self._durable:
            settings += _NOT_DURABLE
        # Read after postgresql.conf, which stays as initdb made it.
        overrides = self.directory / "data" / "postgresql.auto.conf"
        overrides.write_text(settings, encoding="utf-8")
        self.start()
        return port

    def _pg_ctl(self, action: str, *options: str) -> None:
        data = self.directory / "data"
        done = self._account.run(self._programs / "pg_ctl", action, "--wait", "--pgdata", data, *options)
        if done.returncode != 0:
            log = self.directory / "log"
            tail = log.read_text(encoding="utf-8", errors="replace")[-2000:] if log.exists() else ""
            raise PostgresUnavailable(f"pg_ctl {action} failed: {done.stderr.strip()}\n{tail}")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port
