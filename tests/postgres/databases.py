"""Databases on a running private server."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit

import asyncpg

HOST = "127.0.0.1"
USER = "postgres"

# Serializes `template` between test processes; any number that nothing else locks will do.
_TEMPLATE_LOCK = 7_236_401


@dataclass(frozen=True, kw_only=True)
class PostgresDatabases:
    """Databases on one server, made and dropped at will. Can be sent to another process."""

    port: int
    password: str = field(repr=False)
    description: str
    """Version and place of the programs, for people."""

    def url(self, database: str = "postgres") -> str:
        """The SQLAlchemy URL of a database."""
        return f"postgresql+asyncpg://{USER}:{self.password}@{HOST}:{self.port}/{database}"

    async def create_database(self, *, template: str | None = None) -> str:
        """The URL of a new database: a copy of ``template``, empty without one.

        Nobody may be connected to the template meanwhile.
        """
        name = f"test_{uuid.uuid4().hex}"
        async with self.connect() as connection:
            await connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{template or "template1"}"')
        return self.url(name)

    async def drop_database(self, url: str) -> None:
        """Remove a database, closing the connections that others still have."""
        name = urlsplit(url).path.removeprefix("/")
        async with self.connect() as connection:
            await connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')

    async def template(self, name: str, prepare: Callable[[str], Awaitable[None]]) -> str:
        """``name``, as a database that ``prepare(url)`` has filled once for all processes.

        ``prepare`` closes its own connections. When it fails, the next caller tries again.
        """
        unfinished = f"{name}_unfinished"
        async with self.connect() as connection:
            await connection.execute("SELECT pg_advisory_lock($1)", _TEMPLATE_LOCK)
            if await connection.fetchval("SELECT 1 FROM pg_database WHERE datname = $1", name):
                return name
            await connection.execute(f'DROP DATABASE IF EXISTS "{unfinished}" WITH (FORCE)')
            await connection.execute(f'CREATE DATABASE "{unfinished}"')
            await prepare(self.url(unfinished))
            await connection.execute(f'ALTER DATABASE "{unfinished}" RENAME TO "{name}"')
        return name

    @asynccontextmanager
    async def connect(self, database: str = "postgres") -> AsyncIterator[asyncpg.Connection]:
        """A connection as the superuser, closed at the end."""
        connection = await asyncpg.connect(
            host=HOST, port=self.port, user=USER, password=self.password, database=database
        )
        try:
            yield connection
        finally:
            await connection.close()
