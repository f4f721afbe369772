"""A transaction on SQLite, as its functions see it."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect

from db import errors, sqlite_errors
from db.statements import Compiler
from db.transactions import Connection

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sqlalchemy import Executable

    from db.clock import Clock
    from db.secrets import Secrets
    from db.statements import Compiled, Row

_compiler = Compiler(sqlite_dialect(paramstyle="qmark"))


class SqliteConnection(Connection):
    """A transaction on a ``sqlite3`` connection."""

    dialect = "sqlite"

    def __init__(self, driver: sqlite3.Connection, clock: Clock, path: Path, secrets: Secrets) -> None:
        super().__init__(clock.now(), secrets)
        self._driver = driver
        self._path = path

    def rows(self, statement: Executable, **values: object) -> list[Row]:
        compiled = _compiler(statement)
        # Read to the end here: rows of RETURNING that are left unread would be lost at the commit.
        return compiled.rows(self._execute(compiled, values).fetchall())

    def run(self, statement: Executable, **values: object) -> int:
        return self._execute(_compiler(statement), values).rowcount

    def names(self, statement: Executable) -> frozenset[str]:
        return _compiler(statement).names

    def _execute(self, compiled: Compiled, values: Mapping[str, object]) -> sqlite3.Cursor:
        try:
            return self._driver.execute(compiled.sql, compiled.arguments(values))
        except sqlite3.Error as error:
            raise sqlite_errors.translated(error, self._path) from error
        except (OverflowError, UnicodeError) as error:
            raise errors.StoreError.at(self._path, f"cannot store a value: {error}") from error
