"""On what the figures were measured."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Mapping

_LIBRARIES = ("sqlalchemy", "asyncpg", "chattool")


@dataclass(frozen=True, kw_only=True)
class Machine:
    """Processor and versions, and how busy it was before the run."""

    cpu: str
    cores: int
    load: float
    """The load average of the last minute; well above zero, other work made the figures worse."""
    versions: Mapping[str, str]

    @classmethod
    def this(cls, stores: Mapping[str, str]) -> Self:
        """The machine that runs this; ``stores`` are the versions of the databases."""
        return cls(
            cpu=_processor(),
            cores=os.cpu_count() or 1,
            load=round(os.getloadavg()[0], 2),
            versions={
                "python": platform.python_version(),
                **stores,
                **{name: version(name) for name in _LIBRARIES},
            },
        )

    def facts(self) -> dict[str, object]:
        """For a line of JSON."""
        return {"cpu": self.cpu, "cores": self.cores, "load": self.load, **self.versions}

    def __str__(self) -> str:
        versions = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"{self.cpu}, {self.cores} cores, load {self.load}\n{versions}"


def _processor() -> str:
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or platform.machine()
