"""One Alembic tree for both stores. ``upgrade(url)`` brings a database to the version of this program."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import create_engine, event, inspect, pool, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError

from db import errors, sqlite_errors, sqlite_file
from db.clock import SystemClock

if TYPE_CHECKING:
    import sqlite3

    from sqlalchemy import Connection
    from sqlalchemy.ext.asyncio import AsyncConnection

#: The newest revision; a test holds it equal to the head of the tree.
HEAD = "0009"

_LOCK = 4_821_077  # any number, the same in every process that migrates
# An index of a large table takes its time, and nobody waits for it.
_POSTGRES_TIMEOUT = timedelta(hours=2)
# A change of a table waits for those who use it, and whoever comes later waits behind it: so only shortly,
# and again later.
_POSTGRES_LOCK_TIMEOUT = timedelta(seconds=3)
_POSTGRES_ATTEMPTS = 20
_POSTGRES_PAUSE = timedelta(seconds=1)
_LOCK_NOT_AVAILABLE = "55P03"
_elapsed = SystemClock()


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
    sqlite_file.make_private(path)
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
    """Each revision in a transaction of its own, so that none holds its locks while another is at work."""
    from sqlalchemy.ext.asyncio import create_async_engine  # noqa: PLC0415 - slow, needed for migrations only

    from db import postgres_errors  # noqa: PLC0415 - asyncpg is an extra

    patience = str(_POSTGRES_LOCK_TIMEOUT // timedelta(milliseconds=1))
    engine = create_async_engine(
        make_url(url).set(drivername="postgresql+asyncpg"),
        poolclass=pool.NullPool,
        connect_args={"server_settings": {"application_name": "chattool-migrate", "lock_timeout": patience}},
    )
    try:
        async with (
            postgres_errors.translating(url, _POSTGRES_TIMEOUT),
            engine.connect() as turn,
            engine.connect() as connection,
        ):
            await _take_turn(turn)
            await _in_steps(connection, command, revision)
    finally:
        await engine.dispose()


async def _take_turn(connection: AsyncConnection) -> None:
    """Wait until no other process migrates; the turn ends with the connection.

    It asks again and again, since ``CREATE INDEX CONCURRENTLY`` waits for statements that wait.
    """
    connection = await connection.execution_options(isolation_level="AUTOCOMMIT")
    while not (await connection.execute(text(f"SELECT pg_try_advisory_lock({_LOCK})"))).scalar():
        await _elapsed.sleep(_POSTGRES_PAUSE)


async def _in_steps(connection: AsyncConnection, command: str, revision: str) -> None:
    for attempt in range(1, _POSTGRES_ATTEMPTS + 1):
        try:
            await connection.run_sync(_run, command, revision)
        except DBAPIError as error:
            state = getattr(error.orig, "sqlstate", None)
            if state != _LOCK_NOT_AVAILABLE or attempt == _POSTGRES_ATTEMPTS:
                raise
        else:
            return
        await connection.rollback()
        await _elapsed.sleep(_POSTGRES_PAUSE)


def _run(connection: Connection, command: str, revision: str) -> None:
    from alembic import command as alembic  # noqa: PLC0415 - half a second, needed for migrations only
    from alembic.config import Config  # noqa: PLC0415

    found = current(connection)
    if found is not None and found not in revisions():
        check(found)
    if connection.dialect.name == "postgresql":
        connection.rollback()  # ends what reading the version began, so that each step begins anew
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    config.attributes["connection"] = connection
    getattr(alembic, command)(config, revision)


def _leave_begin_to_us(driver: sqlite3.Connection, _record: object) -> None:
    driver.isolation_level = None
    driver.execute("PRAGMA busy_timeout = 5000")
