"""Errors of ``sqlite3`` in the words of ``db.errors``: translated once, the cause kept."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

from sqlalchemy import PrimaryKeyConstraint, UniqueConstraint

from db import disk, errors
from db.tables import metadata

if TYPE_CHECKING:
    from pathlib import Path

_LOCKS = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
_UNWRITABLE = {
    sqlite3.SQLITE_READONLY: "is read-only; check the permissions of the file and its folder",
    sqlite3.SQLITE_FULL: "cannot grow: the disk is full",
    sqlite3.SQLITE_PERM: "may not be opened; check the permissions of the file and its folder",
    sqlite3.SQLITE_CANTOPEN: "cannot be opened; check that its folder exists and can be written",
}
_NAME = re.compile(r"(?:index '|CHECK constraint failed: )(\w+)")
_COLUMNS = re.compile(r"UNIQUE constraint failed: (.+)")


def _primary_code(error: sqlite3.Error) -> int:
    # The low byte is the primary code, the rest says more about it.
    return getattr(error, "sqlite_errorcode", 0) & 0xFF


def is_lock(error: sqlite3.Error) -> bool:
    """Whether another connection holds the lock that was asked for."""
    return _primary_code(error) in _LOCKS


def translated(error: BaseException, path: Path) -> BaseException:
    """The same error as one of ours; errors that are not SQLite's come back as they are."""
    if not isinstance(error, sqlite3.Error):
        return error
    ours = _ours(error, path)
    ours.__cause__ = error
    return ours


def _ours(error: sqlite3.Error, path: Path) -> errors.StoreError:
    code = _primary_code(error)
    if isinstance(error, sqlite3.IntegrityError):
        return errors.Conflict(str(error), constraint=constraint_name(str(error)))
    if code in _LOCKS:
        return errors.StoreBusy.at(path, "is locked by another process")
    if code == sqlite3.SQLITE_IOERR and disk.is_full(path.parent):
        code = sqlite3.SQLITE_FULL  # the file that could not grow was not the database but one beside it
    if code in _UNWRITABLE:
        return errors.StoreReadOnly.at(path, _UNWRITABLE[code])
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return errors.StoreError.at(path, "is not a SQLite database, or it is damaged")
    if code == sqlite3.SQLITE_IOERR:
        return errors.StoreUnavailable.at(path, "could not be read or written")
    return errors.StoreError.at(path, f"answered: {error}")


def constraint_name(message: str) -> str:
    """The name that the constraint has on both stores; SQLite often says only which columns."""
    if found := _NAME.search(message):
        return found[1]
    if found := _COLUMNS.search(message):
        return _NAMES.get(frozenset(found[1].split(", ")), "")
    return ""


_NAMES = {
    frozenset(f"{table.name}.{column.name}" for column in constraint.columns): str(constraint.name)
    for table in metadata.tables.values()
    for constraint in table.constraints
    if isinstance(constraint, PrimaryKeyConstraint | UniqueConstraint)
}
