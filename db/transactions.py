"""Transactions are plain functions of a connection, written once for both stores.

``def claim(conn, …) -> Claim | None`` runs by ``await store.write(claim, …)``. Inside, nothing but the
database can be waited for. A function may be run again after a conflict, so it keeps its effects to the
connection: rows, and hints by ``conn.notify`` that go out after the commit.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, Self, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from sqlalchemy import Executable

    from db.clock import Clock
    from db.secrets import Secrets
    from db.statements import Row
    from db.wakeups import Wakeups

P = ParamSpec("P")
T = TypeVar("T")
R = TypeVar("R")
F = TypeVar("F", bound="Callable[..., object]")

DEFAULT_TIMEOUT = timedelta(seconds=5)


class Writes:
    """Writes that do not depend on each other, and the values they take; they are added together by ``+``.

    Each takes what it names from ``values``. No two of them touch the same row.
    """

    def __init__(self, *statements: Executable, **values: object) -> None:
        self.statements = statements
        self.values = values

    def __add__(self, other: Writes) -> Writes:
        return Writes(*self.statements, *other.statements, **{**self.values, **other.values})


class Connection(ABC):
    """One open transaction. ``now`` is the database's time at its begin."""

    dialect: str

    def __init__(self, now: datetime, secrets: Secrets) -> None:
        self.now = now
        self.secrets = secrets
        self.notices: list[tuple[str, str]] = []

    @abstractmethod
    def rows(self, statement: Executable, **values: object) -> list[Row]:
        """All rows that ``statement`` answers."""

    @abstractmethod
    def run(self, statement: Executable, **values: object) -> int:
        """Run a statement without an answer; how many rows it changed."""

    def run_all(self, writes: Writes) -> None:
        """Run all of them. On PostgreSQL that is one round trip, and they see the same snapshot.

        Their statements are constants of modules, since each combination is compiled once and kept.
        """
        for statement in writes.statements:
            self.run(statement, **self._of(statement, writes.values))

    def run_if(self, guard: Executable, writes: Writes, **values: object) -> Row | None:
        """Run ``guard``, a write that answers a row when its condition held, and only then ``writes``.

        Answers that row. Otherwise like ``run_all``.
        """
        row = self.first(guard, **values)
        if row is not None:
            self.run_all(writes)
        return row

    def _of(self, statement: Executable, values: Mapping[str, object]) -> dict[str, object]:
        return {name: values[name] for name in self.names(statement)}

    @abstractmethod
    def names(self, statement: Executable) -> frozenset[str]:
        """The names of the values that a statement takes."""

    def first(self, statement: Executable, **values: object) -> Row | None:
        """The first row, or ``None``."""
        rows = self.rows(statement, **values)
        return rows[0] if rows else None

    def scalar(self, statement: Executable, **values: object) -> Any:  # noqa: ANN401 - the column's type
        """The first column of the first row, or ``None``."""
        row = self.first(statement, **values)
        return None if row is None else row[0]

    def records(self, record: Callable[..., R], statement: Executable, **values: object) -> list[R]:
        """All rows as records; the columns carry the names of the record's fields."""
        return [record(**row._asdict()) for row in self.rows(statement, **values)]

    def record(self, record: Callable[..., R], statement: Executable, **values: object) -> R | None:
        """The first row as a record, or ``None``."""
        row = self.first(statement, **values)
        return None if row is None else record(**row._asdict())

    def notify(self, topic: str, payload: str = "") -> None:
        """Wake whoever waits for ``topic``, after the commit. A hint: it may be lost or repeated."""
        self.notices.append((topic, payload))


def single_write(function: F) -> F:
    """Mark a transaction that writes by one statement; if a later read fails, what was written stands.

    A single statement is a transaction by itself, so PostgreSQL is spared a BEGIN and a COMMIT. Called by
    another transaction function, it is a part of that one as usual.
    """
    function.single_write = True  # type: ignore[attr-defined]
    return function


class Store(Protocol):
    """An open database."""

    dialect: str
    clock: Clock
    wakeups: Wakeups

    async def write(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` in one write transaction; when this returns, it is on disk.

        Raises:
            StoreBusy: not begun, or rolled back, within the store's time-out.
            StoreUnavailable: the outcome is unknown.
            Conflict: a constraint refused it.
        """
        ...

    async def read(
        self, function: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run ``function`` without writing. Only one statement is sure to see one snapshot.

        Raises:
            StoreBusy, StoreUnavailable: as for ``write``.
        """
        ...

    def limited(self, timeout: timedelta) -> Store:
        """The same store with another time-out per call."""
        ...

    @property
    def reserved(self) -> Store:
        """The same store over connections that ordinary work never takes: for heartbeats."""
        ...

    async def close(self) -> None:
        """Finish what is running, then let go of the database."""
        ...

    async def __aenter__(self) -> Self: ...
    async def __aexit__(self, *exc_info: object) -> None: ...
