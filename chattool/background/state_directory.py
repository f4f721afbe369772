"""The state directory: the database, the workspaces, and the files of the background engine."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.background.errors import HomeUnusable

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class StateDirectory:
    """Where everything is below ``home``."""

    home: Path

    @property
    def database(self) -> Path:
        return self.home / "chattool.db"

    @property
    def url(self) -> str:
        """The database's URL."""
        return f"sqlite:///{self.database}"

    @property
    def workspaces(self) -> Path:
        return self.home / "workspaces"

    @property
    def lock(self) -> Path:
        return self.home / "engine.lock"

    @property
    def state(self) -> Path:
        return self.home / "engine.json"

    @property
    def log(self) -> Path:
        return self.home / "engine.log"


def state_directory(home: Path) -> StateDirectory:
    """The directory at ``home``, whatever becomes of the working directory.

    Raises:
        HomeUnusable: no database URL can name it.
    """
    directory = StateDirectory(home.expanduser().absolute())
    if "?" in str(directory.home):
        raise HomeUnusable(f"the path of a state directory may not contain '?': {directory.home}")
    return directory


def prepare(directory: StateDirectory) -> None:
    """Make the directory, for its owner only.

    Raises:
        HomeUnusable: it cannot be made or written.
    """
    try:
        directory.home.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise HomeUnusable(f"cannot make the state directory {directory.home}: {error.strerror}") from error
    if not os.access(directory.home, os.W_OK | os.X_OK):
        raise HomeUnusable(f"the state directory {directory.home} cannot be written; check its permissions")
