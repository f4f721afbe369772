"""Who may read a SQLite database."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from db import migrations, users
from db.engine import open_store


@pytest.fixture(autouse=True)
def _usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, str]:
    return {each.name: oct(each.stat().st_mode & 0o777) for each in folder.iterdir()}


async def test_a_new_database_and_what_lies_beside_it_is_its_owners_alone(tmp_path: Path) -> None:
    async with open_store(f"sqlite:///{tmp_path}/c.db") as store:
        await store.write(users.ensure_organization)
        found = modes(tmp_path)

    assert {"c.db", "c.db-wal", "c.db-shm"} <= set(found)
    assert set(found.values()) == {"0o600"}


def test_a_migration_makes_a_database_that_is_its_owners_alone(tmp_path: Path) -> None:
    migrations.upgrade(f"sqlite:///{tmp_path}/c.db")

    assert modes(tmp_path)["c.db"] == "0o600"


def test_a_database_that_exists_keeps_the_mode_that_it_was_given(tmp_path: Path) -> None:
    (tmp_path / "c.db").touch(0o640)

    migrations.upgrade(f"sqlite:///{tmp_path}/c.db")

    assert modes(tmp_path)["c.db"] == "0o640"
