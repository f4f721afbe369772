"""State directories, and databases for what needs no process."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.background.engine_home import EngineHome, end_processes
from tests.stores import clock, database_url, sqlite_template, store

__all__ = ["clock", "database_url", "sqlite_template", "store"]


@pytest.fixture
def home(tmp_path: Path) -> Iterator[EngineHome]:
    """A state directory that does not exist yet."""
    directory = EngineHome(tmp_path / "home")
    yield directory
    end_processes(directory)
