"""Running programs as somebody who may run PostgreSQL, which refuses root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from tests.postgres.installation import PostgresUnavailable

_UNPRIVILEGED = ("postgres", "nobody")


@dataclass(frozen=True, kw_only=True)
class Account:
    """The user that owns the server's files and process; ``None`` is whoever runs the tests."""

    uid: int | None = None
    gid: int | None = None

    @classmethod
    def unprivileged(cls) -> Self:
        """The caller, or a system account in place of root."""
        if os.geteuid() != 0:
            return cls()
        known = {entry.pw_name: entry for entry in pwd.getpwall()}
        for name in _UNPRIVILEGED:
            if entry := known.get(name):
                return cls(uid=entry.pw_uid, gid=entry.pw_gid)
        raise PostgresUnavailable(
            f"PostgreSQL refuses to run as root, and there is none of these users: {_UNPRIVILEGED}"
        )

    def own(self, path: Path) -> None:
        """Give ``path`` and all inside to the account."""
        if self.uid is None or self.gid is None:
            return
        os.chown(path, self.uid, self.gid)
        for directory, directories, files in os.walk(path):
            for name in (*directories, *files):
                os.chown(Path(directory, name), self.uid, self.gid, follow_symlinks=False)

    def reaches(self, program: Path) -> bool:
        """Whether the account may run ``program``, which may lie below a closed home directory."""
        try:
            return self.run(program, "--version").returncode == 0
        except PermissionError:
            return False

    def run(self, program: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
        """Run ``program`` to its end as this account, its output captured."""
        return subprocess.run(
            [program, *arguments],
            capture_output=True,
            text=True,
            check=False,
            cwd="/",
            start_new_session=True,  # Ctrl-C is for the tests, not for their server
            user=self.uid,
            group=self.gid,
            extra_groups=self._extra_groups,
        )

    def popen(self, *command: str | Path) -> subprocess.Popen[bytes]:
        """Start a command as this account, its standard input a pipe, its output dropped."""
        return subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            cwd="/",
            start_new_session=True,
            user=self.uid,
            group=self.gid,
            extra_groups=self._extra_groups,
        )

    @property
    def _extra_groups(self) -> list[int] | None:
        return None if self.uid is None else []
