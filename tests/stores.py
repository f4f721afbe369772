"""Fixtures of opened databases. A test that asks for ``store`` runs on SQLite and on PostgreSQL."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from db import migrations
from db.clock import FakeClock
from db.engine import open_store
from db.transactions import Store

if TYPE_CHECKING:
    from tests.postgres import PostgresDatabases


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A migrated, empty SQLite file; copied for each test."""
    path = tmp_path_factory.mktemp("template") / "chattool.db"
    migrations.upgrade(f"sqlite:///{path}")
    return path


async def migrated(url: str) -> None:
    """Bring an empty database up to date."""
    await asyncio.to_thread(migrations.upgrade, url)


@pytest.fixture(params=["sqlite", "postgres"])
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """A migrated, empty database of each kind."""
    if request.param == "sqlite":
        path = tmp_path / "chattool.db"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    server: PostgresDatabases = request.getfixturevalue("postgres_server")
    template = await server.template(f"chattool_{migrations.HEAD}", migrated)
    url = await server.create_database(template=template)
    yield url
    await server.drop_database(url)


@pytest.fixture
def clock() -> FakeClock:
    """Stands still until the test advances it."""
    return FakeClock()


@pytest.fixture
async def store(database_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """An open store whose time the test decides."""
    async with open_store(database_url, clock=clock, migrate=False) as opened:
        yield opened


@pytest.fixture
async def other_store(store: Store, database_url: str, clock: FakeClock) -> AsyncIterator[Store]:
    """The same database, opened once more, as another process would."""
    async with open_store(database_url, clock=clock, migrate=False) as opened:
        yield opened
