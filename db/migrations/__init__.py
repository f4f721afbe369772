"""One Alembic tree for both stores. ``upgrade(url)`` brings a database to the version of this program."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, inspect, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from db import errors, sqlite_errors

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Connection

#: The newest revision; a test holds it equal to the head of the tree.
HEAD = "0007"

_LOCK = 4_821_077  # any number, the same in every process that migrates
_POSTGRES_TIMEOUT = timedelta(minutes=5)


def upgrade(url: str, revision: str = "head") -> None:
    """Bring the database to ``revision``; several processes may call it at once.

    Raises:
        SchemaMismatch: the database is newer than this program.
        StoreError: it cannot be opened or written.
    """
    _migrate(url, "upgrade", revision)


def downgrade(url: str, revision: str) -> None:
    """Bring the database back to ``revision``.

    Raises:
        StoreError: it cannot be opened or written.
    """
    _migrate(url, "downgrade", revision)


def revisions() -> list[str]:
    """All revisions of the tree, oldest first."""
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - half a second, needed for migrations only

    scripts = ScriptDirectory(str(Path(__file__).parent))
    return [script.revision for script in reversed(list(scripts.walk_revisions()))]


def current(connection: Connection) -> str | None:
    """The revision a database is at; ``None`` for an empty one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()


def check(found: str | None) -> None:
    """Refuse a database that is not at ``HEAD``.

    Raises:
        SchemaMismatch: says what to do about it.
    """
    if found == HEAD:
        return
    if found is None:
        message = "the database is empty; run: chattool migrate"
    elif found in revisions():
        message = f"the database has schema version {found}, this program needs {HEAD}; run: chattool migrate"
    else:
        message = (
            f"the database has schema version {found}, which is newer than this program ({HEAD}); "
            "update chattool, nothing was changed"
        )
    raise errors.SchemaMismatch(message, found=found, expected=HEAD)


def _migrate(url: str, command: str, revision: str) -> None:
    if make_url(url).get_backend_name() == "sqlite":
        _migrate_sqlite(url, command, revision)
    else:
        asyncio.run(_migrate_postgres(url, command, revision))


def _migrate_sqlite(url: str, command: str, revision: str) -> None:
    path = Path(make_url(url).database or "")
    engine = create_engine(make_url(url).set(drivername="sqlite"), poolclass=pool.NullPool)
    event.listen(engine, "connect", _leave_begin_to_us)
    event.listen(engine, "begin", lambda connection: connection.exec_driver_sql("BEGIN IMMEDIATE"))
    try:
        with engine.begin() as connection:
            _run(connection, command, revision)
    except DBAPIError as error:
        raise sqlite_errors.translated(error.orig or error, path) from error
    finally:
        engine.dispose()


async def _migrate_postgres(url: str, command: str, revision: str) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - slow, needed for migrations only

    from db import postgres_errors  # noqa: PLC0415 - asyncpg is an extra

    engine = create_async_engine(make_url(url).set(drivername="postgresql+asyncpg"), poolclass=pool.NullPool)
    try:
        async with postgres_errors.translating(url, _POSTGRES_TIMEOUT), engine.begin() as connection:
            await connection.execute(text(f"SELECT pg_advisory_xact_lock({_LOCK})"))
            await connection.run_sync(_run, command, revision)
    finally:
        await engine.dispose()


def _run(connection: Connection, command: str, revision: str) -> None:
    from alembic import command as alembic  # noqa: PLC0415 - half a second, needed for migrations only
    from alembic.config import Config  # noqa: PLC0415

    found = current(connection)
    if found is not None and found not in revisions():
        check(found)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    getattr(alembic, command)(config, revision)


def _leave_begin_to_us(driver: sqlite3.Connection, _record: object) -> None:
    driver.isolation_level = None
    driver.execute("PRAGMA busy_timeout = 5000")
