"""The schema: one tree of migrations for both stores, equal to the tables of the code."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, inspect, text

from db import migrations
from db.engine import open_store
from db.errors import SchemaMismatch
from db.tables import metadata
from tests.sql import asked

if TYPE_CHECKING:
    from tests.postgres import PostgresDatabases

T = TypeVar("T")


@pytest.fixture(params=["sqlite", "postgres"])
async def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A database without any table."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server: PostgresDatabases = request.getfixturevalue("postgres_server")
    url = await server.create_database()
    yield url
    await server.drop_database(url)


def tables(connection: Connection) -> set[str]:
    return set(inspect(connection).get_table_names())


@pytest.mark.filterwarnings("ignore:.*expression-based index")
async def test_the_tables_of_the_code_are_those_of_the_migrations(database_url: str) -> None:
    def differences(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, metadata))

    assert await asked(database_url, differences) == []


CATALOGUES = {
    "sqlite": ["SELECT type, name, sql FROM sqlite_master WHERE name NOT LIKE 'sqlite_%'"],
    "postgresql": [
        """SELECT table_name, column_name, data_type, is_nullable, column_default, is_identity
           FROM information_schema.columns WHERE table_schema = 'public'""",
        """SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid)
           FROM pg_constraint WHERE connamespace = 'public'::regnamespace""",
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'",
    ],
}


def parts(description: str) -> Iterator[str]:
    """What stands before the outer parentheses, each item within them, and what stands behind."""
    depth, part = 0, ""
    for letter in " ".join(description.split()):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if (letter, depth) in {("(", 1), (",", 1), (")", 0)}:
            yield part.strip()
            part = ""
        else:
            part += letter
    yield part.strip()


def catalogue(connection: Connection) -> list[str]:
    """Every table, column, constraint and index as the database describes it."""
    rows = [row for query in CATALOGUES[connection.dialect.name] for row in connection.execute(text(query))]
    texts = [" ".join(map(str, row)) for row in rows]
    # The order of columns and constraints within a table does not matter.
    described = [" ".join(sorted(parts(each))) for each in texts]
    return sorted(each for each in described if "alembic_version" not in each)


async def test_tables_made_from_the_code_are_described_like_migrated_ones(empty_url: str) -> None:
    await asyncio.to_thread(migrations.upgrade, empty_url)
    migrated = await asked(empty_url, catalogue)
    await asyncio.to_thread(migrations.downgrade, empty_url, "base")

    await asked(empty_url, metadata.create_all)

    assert await asked(empty_url, catalogue) == migrated


def test_head_is_the_newest_revision_of_the_tree() -> None:
    assert migrations.revisions()[-1] == migrations.HEAD


async def test_a_downgrade_to_nothing_and_back_works(empty_url: str) -> None:
    await asyncio.to_thread(migrations.upgrade, empty_url)
    everything = await asked(empty_url, tables)

    await asyncio.to_thread(migrations.downgrade, empty_url, "base")
    nothing = await asked(empty_url, tables)
    await asyncio.to_thread(migrations.upgrade, empty_url)

    assert nothing == {"alembic_version"}
    assert await asked(empty_url, tables) == everything


async def test_several_processes_may_migrate_at_once(empty_url: str) -> None:
    await asyncio.gather(*(asyncio.to_thread(migrations.upgrade, empty_url) for _ in range(4)))

    async with open_store(empty_url, migrate=False):
        pass


async def test_an_empty_database_is_refused_unless_it_may_be_migrated(empty_url: str) -> None:
    with pytest.raises(SchemaMismatch) as refused:
        async with open_store(empty_url, migrate=False):
            pass

    assert (refused.value.found, refused.value.expected) == (None, migrations.HEAD)
    async with open_store(empty_url, migrate=True):
        pass


@pytest.mark.parametrize("migrate", [False, True])
async def test_a_newer_database_is_refused_and_not_touched(database_url: str, *, migrate: bool) -> None:
    newer = text("UPDATE alembic_version SET version_num = '9999'")
    await asked(database_url, lambda connection: connection.execute(newer).rowcount)
    before = await asked(database_url, tables)

    with pytest.raises(SchemaMismatch) as refused:
        async with open_store(database_url, migrate=migrate):
            pass

    assert (refused.value.code, refused.value.found) == ("SCHEMA_MISMATCH", "9999")
    assert await asked(database_url, tables) == before
