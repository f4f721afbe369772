"""Opening a database by its URL: ``sqlite:///path/to/file.db`` or ``postgresql://user@host/name``."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Text, column, select, table

from db import errors, postgres_url, sqlite_file
from db.sqlite import SqliteStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sqlalchemy import Select

    from db.clock import Clock
    from db.transactions import Connection, Store

_VERSION: Select[str] = select(column("version_num", Text)).select_from(table("alembic_version"))


@asynccontextmanager
async def open_store(
    url: str, *, clock: Clock | None = None, migrate: bool | None = None
) -> AsyncIterator[Store]:
    """The database at ``url``, ready for use.

    ``migrate`` brings the schema up to date first; by default that is done for SQLite, where the file
    belongs to this program, and not for PostgreSQL, which a fleet shares.

    Raises:
        ValueError: the URL is of no kind we know.
        SchemaMismatch: the database has another version, and was not to be migrated or is newer.
        StoreUnavailable, StoreReadOnly, StoreError: it cannot be opened.
    """
    path = sqlite_path(url)
    if path is not None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            message = f"cannot make the folder {path.parent}: {error.strerror}"
            raise errors.StoreReadOnly(message) from error
        sqlite_file.make_private(path)
    store: Store = SqliteStore(path, clock=clock) if path is not None else _postgres_store(url, clock)
    async with store:
        await _ensure_version(store, url, migrate=path is not None if migrate is None else migrate)
        yield store


def sqlite_path(url: str) -> Path | None:
    """The file of a SQLite URL; ``None`` for PostgreSQL.

    Raises:
        ValueError: the URL is of no kind we know, or malformed.
    """
    scheme, separator, rest = url.partition("://")
    kind = scheme.partition("+")[0]
    if separator and kind in ("postgresql", "postgres"):
        postgres_url.check(url)
        return None
    if not separator or kind != "sqlite":
        # Nothing of the URL is shown: without its "://" nobody knows where the password stands.
        message = "unknown database URL; use sqlite:///path/to/file.db or postgresql://user@host/name"
        raise ValueError(message)
    path = rest.partition("?")[0].removeprefix("/")
    if path in ("", ":memory:"):
        message = "SQLite needs a file: sqlite:///path/to/file.db (several connections share it)"
        raise ValueError(message)
    return Path(path).absolute()


def _postgres_store(url: str, clock: Clock | None) -> Store:
    try:
        from db.postgres import PostgresStore  # noqa: PLC0415 - asyncpg is an extra
    except ImportError as error:
        message = 'PostgreSQL needs asyncpg: pip install "chattool[postgres]"'
        raise errors.StoreError(message) from error
    return PostgresStore(url, clock=clock)


async def _ensure_version(store: Store, url: str, *, migrate: bool) -> None:
    from db import migrations  # noqa: PLC0415 - imports the whole of SQLAlchemy

    found = await store.read(_found_version)
    if found == migrations.HEAD:
        return
    if migrate:
        await asyncio.to_thread(migrations.upgrade, url)
        found = await store.read(_found_version)
    migrations.check(found)


async def check_usable(store: Store) -> None:
    """Return when the database answers and this program can go on with its schema.

    A newer schema will do, since migrations leave running programs of the version before at work.

    Raises:
        SchemaMismatch: it has an older schema, or none.
        StoreBusy, StoreUnavailable: it does not answer.
    """
    from db import migrations  # noqa: PLC0415 - imports the whole of SQLAlchemy

    found = await store.read(_found_version)
    if found is None or (found != migrations.HEAD and found in migrations.revisions()):
        migrations.check(found)


def _found_version(conn: Connection) -> str | None:
    try:
        version: str | None = conn.scalar(_VERSION)
    except errors.StoreError as error:
        if _is_missing_table(error.__cause__):
            return None
        raise
    return version


def _is_missing_table(error: BaseException | None) -> bool:
    # Before the first migration no driver knows the table; a look into the catalogue would need a
    # statement per dialect.
    return type(error).__name__ == "UndefinedTableError" or "no such table" in str(error)
