"""Errors: stable codes, whole after pickling, and a home for each error of the drivers."""

import copy
import pickle
import sqlite3
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest

import quota.errors
from chattool.errors import WorkspaceWaitError
from db import errors, postgres_errors, sqlite_errors
from db.tables import metadata
from provisioner.errors import MissingParameter

PATH = Path("chattool.db")
URL = "postgresql+asyncpg://user:sesame@host/name"


def subclasses(cls: type[errors.ChattoolError]) -> Iterator[type[errors.ChattoolError]]:
    for each in cls.__subclasses__():
        yield each
        yield from subclasses(each)


def test_every_error_has_a_code_of_its_own_kind() -> None:
    classes = set(subclasses(errors.ChattoolError))

    assert {WorkspaceWaitError, MissingParameter, quota.errors.QuotaLockTimeout} <= classes
    assert [cls for cls in classes if not cls.code or cls.code != cls.code.upper()] == []


@pytest.mark.parametrize(
    "error",
    [
        errors.Conflict("taken", constraint="uq"),
        errors.SchemaMismatch("old", found="1", expected="2"),
        errors.RequestError(409, "no", validations=[errors.Validation(field="a", detail="b")]),
        errors.NotFound(),
        errors.LeaseLost(),
        quota.errors.QuotaLockTimeout(timedelta(seconds=30)),
        MissingParameter("region"),
    ],
    ids=lambda error: type(error).__name__,
)
def test_an_error_survives_being_sent_to_another_process(error: errors.ChattoolError) -> None:
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert (type(again), str(again), again.facts) == (type(error), str(error), error.facts)


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (sqlite3.SQLITE_BUSY, errors.StoreBusy),
        (sqlite3.SQLITE_LOCKED, errors.StoreBusy),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, errors.StoreBusy),
        (sqlite3.SQLITE_READONLY, errors.StoreReadOnly),
        (sqlite3.SQLITE_READONLY_DIRECTORY, errors.StoreReadOnly),
        (sqlite3.SQLITE_FULL, errors.StoreReadOnly),
        (sqlite3.SQLITE_CANTOPEN, errors.StoreReadOnly),
        (sqlite3.SQLITE_IOERR, errors.StoreUnavailable),
        (sqlite3.SQLITE_IOERR_FSYNC, errors.StoreUnavailable),
        (sqlite3.SQLITE_CORRUPT, errors.StoreError),
        (sqlite3.SQLITE_NOTADB, errors.StoreError),
        (sqlite3.SQLITE_ERROR, errors.StoreError),
    ],
)
def test_each_failure_of_sqlite_has_a_home(code: int, expected: type[errors.StoreError]) -> None:
    error = sqlite3.OperationalError("words")
    error.sqlite_errorcode = code

    ours = sqlite_errors.translated(error, PATH)

    assert type(ours) is expected
    assert ours.__cause__ is error


def foreign_classes() -> list[type[Exception]]:
    return [
        cls
        for cls in vars(asyncpg.exceptions).values()
        if isinstance(cls, type) and issubclass(cls, asyncpg.PostgresError | asyncpg.InterfaceError)
    ]


@pytest.mark.parametrize("cls", foreign_classes(), ids=lambda cls: cls.__name__)
def test_each_error_of_asyncpg_has_a_home_and_hides_the_password(cls: type[Exception]) -> None:
    ours = postgres_errors.translated(cls("words"), URL)

    assert isinstance(ours, errors.StoreError)
    assert "sesame" not in str(ours)


@pytest.mark.parametrize(
    ("foreign", "expected"),
    [
        (asyncpg.UniqueViolationError, errors.Conflict),
        (asyncpg.ForeignKeyViolationError, errors.Conflict),
        (asyncpg.CheckViolationError, errors.Conflict),
        (asyncpg.DeadlockDetectedError, errors.StoreBusy),
        (asyncpg.SerializationError, errors.StoreBusy),
        (asyncpg.LockNotAvailableError, errors.StoreBusy),
        (asyncpg.QueryCanceledError, errors.StoreBusy),
        (asyncpg.ReadOnlySQLTransactionError, errors.StoreReadOnly),
        (asyncpg.DiskFullError, errors.StoreReadOnly),
        (asyncpg.AdminShutdownError, errors.StoreUnavailable),
        (asyncpg.CannotConnectNowError, errors.StoreUnavailable),
        (asyncpg.TooManyConnectionsError, errors.StoreUnavailable),
        (asyncpg.ConnectionDoesNotExistError, errors.StoreUnavailable),
        (asyncpg.InterfaceError, errors.StoreUnavailable),
        (ConnectionRefusedError, errors.StoreUnavailable),
        (asyncpg.InvalidPasswordError, errors.StoreError),
        (asyncpg.UndefinedTableError, errors.StoreError),
    ],
)
def test_errors_of_asyncpg_become_ours(foreign: type[Exception], expected: type[errors.StoreError]) -> None:
    assert type(postgres_errors.translated(foreign("words"), URL)) is expected


def test_names_of_constraints_fit_into_postgresql() -> None:
    tables = metadata.tables.values()
    names = [str(constraint.name) for table in tables for constraint in table.constraints if constraint.name]
    names += [str(index.name) for table in tables for index in table.indexes]

    assert [name for name in names if len(name) > 63] == []
    assert len(set(names)) == len(names)
