"""SQLAlchemy Core statements, compiled once per statement object and dialect.

Building and compiling a statement costs more than running it on SQLite or over a warm asyncpg
connection. So statements stand as constants in the modules that use them, are compiled on first use,
and run on the driver itself.
"""

from __future__ import annotations

from collections import namedtuple
from typing import TYPE_CHECKING, Any, Protocol
from weakref import WeakKeyDictionary

from sqlalchemy import literal_column, select

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from sqlalchemy import Dialect, Executable
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
        self._names = tuple(compiled.positiontup or ())
        self._fixed: Mapping[str, object] = {
            name: value for name, value in compiled.params.items() if value is not None
        }
        self._required = frozenset(name for name in self._names if compiled.binds[name].required)
        self._binds = {
            name: _bind_processor(compiled.binds[name].type, dialect)
            for name in self._names
            if name in compiled.binds
        }
        columns: Any = getattr(statement, "exported_columns", ())
        self.returns_rows = bool(columns)
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
        if not values.keys() <= self._binds.keys() or not values.keys() >= self._required:
            wrong = (values.keys() - self._binds.keys()) | (self._required - values.keys())
            message = f"wrong values for statement: {sorted(wrong)}"
            raise TypeError(message)
        arguments = []
        for name in self._names:
            value = values[name] if name in values else self._fixed.get(name)
            process = self._binds[name]
            arguments.append(process(value) if process is not None else value)
        return arguments

    def rows(self, records: Iterable[Iterable[object]]) -> list[Row]:
        """The driver's records as rows with attributes."""
        make = self._row._make
        if self._results is None:
            return [make(record) for record in records]
        results = self._results
        return [
            make(
                [
                    value if process is None else process(value)
                    for process, value in zip(results, record, strict=True)
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
            ctes = [statement.cte(f"write_{number}") for number, statement in enumerate(statements)]  # type: ignore[attr-defined]
            joined = self._joined[statements] = select(literal_column("1").label("done")).add_cte(*ctes)
        return joined


def _bind_processor(sqltype: TypeEngine[Any], dialect: Dialect) -> Processor:
    return sqltype.dialect_impl(dialect).bind_processor(dialect)


def _result_processor(sqltype: TypeEngine[Any], dialect: Dialect) -> Processor:
    return sqltype.dialect_impl(dialect).result_processor(dialect, None)
