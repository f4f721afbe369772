"""SQLAlchemy Core statements, compiled once per statement object and dialect.

Building and compiling a statement costs more than running it on SQLite or over a warm asyncpg
connection. So statements stand as constants in the modules that use them, are compiled on first use,
and run on the driver itself.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import Delete, Insert, Select, Update, exists, insert, literal_column, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import ColumnElement, Dialect, Executable
    from sqlalchemy.sql.compiler import SQLCompiler
    from sqlalchemy.types import TypeEngine

    Processor = Callable[[Any], Any] | None


class Row(Protocol):
    """One row of an answer: columns as attributes, in the order of the statement."""

    def __getattr__(self, name: str, /) -> Any: ...  # noqa: ANN401 - a column has the type its table gives it
    def __getitem__(self, index: int, /) -> Any: ...  # noqa: ANN401
    def _asdict(self) -> dict[str, Any]: ...


class Compiled:
    """The text of one statement on one dialect, and how its values go in and come out."""

    def __init__(self, statement: Executable, dialect: Dialect) -> None:
        compiled: SQLCompiler = statement.compile(  # type: ignore[attr-defined]
            dialect=dialect
        )
        self.sql = str(compiled)
        if "POSTCOMPILE" in self.sql:
            message = "write IN over literal() elements: an expanding list cannot be compiled once"
            raise TypeError(message)
        names = tuple(compiled.positiontup or ())
        self._required = frozenset(name for name in names if compiled.binds[name].required)
        self._own = {name: compiled.params[name] for name in names if name not in self._required}
        self._slots = [(name, _bind_processor(compiled.binds[name].type, dialect)) for name in names]
        columns: Any = getattr(statement, "exported_columns", ())
        keys = [column.key for column in columns]
        self._row: Any = namedtuple("Row", keys) if keys else None  # noqa: PYI024 - made at run time
        results = [_result_processor(column.type, dialect) for column in columns]
        self._results = results if any(results) else None

    @property
    def names(self) -> frozenset[str]:
        """The names of the values that the caller has to give."""
        return self._required

    def arguments(self, values: Mapping[str, object]) -> list[object]:
        """The values in the order of the statement's placeholders.

        Raises:
            TypeError: a value is missing, or has no place in the statement.
        """
        if values.keys() != self._required:
            message = f"wrong values for statement: {sorted(values.keys() ^ self._required)}"
            raise TypeError(message)
        if self._own:
            values = {**self._own, **values}
        return [values[name] if process is None else process(values[name]) for name, process in self._slots]

    def rows(self, records: Iterable[Iterable[object]]) -> list[Row]:
        """The driver's records as rows with attributes."""
        make = self._row._make
        if self._results is None:
            return [make(record) for record in records]
        results = self._results
        return [
            make(
                [
                    value if process is None or value is None else process(value)
                    for value, process in zip(record, results, strict=True)
                ]
            )
            for record in records
        ]


class Compiler:
    """Compiles for one dialect and remembers what it compiled as long as the statement lives."""

    def __init__(self, dialect: Dialect) -> None:
        self._dialect = dialect
        self._joined: dict[tuple[Executable, ...], Executable] = {}
        self._compiled: WeakKeyDictionary[Executable, Compiled] = WeakKeyDictionary()

    def __call__(self, statement: Executable) -> Compiled:
        compiled = self._compiled.get(statement)
        if compiled is None:
            compiled = self._compiled[statement] = Compiled(statement, self._dialect)
        return compiled

    def joined(self, statements: tuple[Executable, ...]) -> Executable:
        """Several writes as one statement: common table expressions, which PostgreSQL runs together."""
        joined = self._joined.get(statements)
        if joined is None:
            joined = self._joined[statements] = _joined(select(literal_column("1").label("done")), statements)
        return joined

    def guarded(self, guard: Executable, statements: tuple[Executable, ...]) -> Executable:
        """The same for writes that happen only when ``guard`` answers a row, which is the answer of all."""
        key = (guard, *statements)
        guarded = self._joined.get(key)
        if guarded is None:
            passed = guard.cte("guard")  # type: ignore[attr-defined]
            condition = exists().select_from(passed)
            answer = select(*passed.c)
            guarded = _joined(answer, [_conditional(statement, condition) for statement in statements])
            self._joined[key] = guarded
        return guarded


def _joined(answer: Select[Any], writes: Iterable[Executable]) -> Select[Any]:
    return answer.add_cte(*(write.cte(f"write_{number}") for number, write in enumerate(writes)))  # type: ignore[attr-defined]


def _conditional(write: Executable, condition: ColumnElement[bool]) -> Executable:
    if isinstance(write, (Update, Delete)):
        return write.where(condition)
    if isinstance(write, Insert) and isinstance(write.select, Select):
        rows = write.select.where(condition)
        return insert(write.table).from_select(rows.selected_columns.keys(), rows)
    message = "only an update, a delete or an insert from a select can depend on another write"
    raise TypeError(message)


def _bind_processor(sqltype: TypeEngine[Any], dialect: Dialect) -> Processor:
    return sqltype.dialect_impl(dialect).bind_processor(dialect)


def _result_processor(sqltype: TypeEngine[Any], dialect: Dialect) -> Processor:
    return sqltype.dialect_impl(dialect).result_processor(dialect, None)
