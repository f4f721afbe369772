"""Fresh databases, each for one measurement, on stores that wait for the disk at every commit."""

from __future__ import annotations

import asyncio
import sqlite3
import tempfile
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from db import migrations
from tests.bench import driver

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from contextlib import AbstractAsyncContextManager
    from datetime import timedelta

    from tests.postgres import PostgresDatabases


class Databases(Protocol):
    """Where databases of one kind come from."""

    @property
    def name(self) -> str: ...

    @property
    def version(self) -> str: ...

    def fresh(self) -> AbstractAsyncContextManager[str]:
        """The URL of a migrated database, removed at the end."""
        ...

    async def commits(self, callers: int, duration: timedelta) -> float:
        """Durable one-row commits per second of that many callers, by the driver alone."""
        ...


@dataclass(frozen=True)
class SqliteDatabases:
    """Files in a temporary folder."""

    name = "sqlite"
    version = sqlite3.sqlite_version

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        with tempfile.TemporaryDirectory(prefix="chattool-bench-") as folder:
            url = f"sqlite:///{folder}/bench.db"
            await asyncio.to_thread(migrations.upgrade, url)
            yield url

    async def commits(self, callers: int, duration: timedelta) -> float:
        with tempfile.TemporaryDirectory(prefix="chattool-bench-") as folder:
            return await asyncio.to_thread(driver.sqlite_commits, Path(folder) / "driver.db", duration)


@dataclass(frozen=True)
class PostgresServerDatabases:
    """Databases on a private server."""

    server: PostgresDatabases
    name = "postgres"

    @property
    def version(self) -> str:
        return self.server.description

    @asynccontextmanager
    async def fresh(self) -> AsyncIterator[str]:
        url = await self.server.create_database()
        try:
            await asyncio.to_thread(migrations.upgrade, url)
            yield url
        finally:
            await self.server.drop_database(url)

    async def commits(self, callers: int, duration: timedelta) -> float:
        url = await self.server.create_database()
        try:
            return await driver.postgres_commits(url, callers, duration)
        finally:
            await self.server.drop_database(url)
