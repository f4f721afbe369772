"""Inserting a list of rows by one statement, whatever its length: the list travels as one JSON value."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sqlalchemy import Integer, bindparam, insert, select
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeEngine, UserDefinedType

from db.errors import StoreError
from db.types import Id, Json, Timestamp, utc_text

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy import Column, Dialect, Insert, Table
    from sqlalchemy.sql.compiler import SQLCompiler

_MAX_INTEGER = 2**63 - 1


def insert_rows(table: Table, *columns: str) -> Insert:
    """An insert that takes its rows, mappings of these columns, as the value named like the table."""
    chosen = [table.c[name] for name in columns]
    rows = _Elements(bindparam(table.name, type_=_RowList(chosen))).table_valued("value", name="row_")
    fields = [_Field(place, column).label(column.name) for place, column in enumerate(chosen)]
    return insert(table).from_select(list(columns), select(*fields).select_from(rows))


class _RowList(UserDefinedType[Any]):
    """A list of mappings, as a JSON list of lists."""

    cache_ok = False

    def __init__(self, columns: Sequence[Column[Any]]) -> None:
        self.columns = columns  # SQLAlchemy copies a type by the names of its arguments

    def get_col_spec(self, **_kw: object) -> str:
        return "JSONB"

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], str]:  # noqa: ARG002 - SQLAlchemy's signature
        fields = [(column.name, _plain(column.type)) for column in self.columns]
        return lambda rows: _encode(
            [[row[name] if plain is None else plain(row[name]) for name, plain in fields] for row in rows]
        )


# Documents within a row are stored as they are written here, so their keys are sorted like those of `Json`.
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode


def _plain(kind: TypeEngine[Any]) -> Callable[[Any], object] | None:
    if isinstance(kind, Timestamp):
        return utc_text
    if isinstance(kind, Id):
        return lambda value: None if value is None else str(value)
    if isinstance(kind, Integer):
        return _stored_integer
    return None


def _stored_integer(value: int | None) -> int | None:
    # SQLite would turn it into a floating point number.
    if value is not None and abs(value) > _MAX_INTEGER:
        message = f"the number {value} is too large to be stored"
        raise StoreError(message)
    return value


class _Elements(FunctionElement[Any]):
    """The elements of a JSON list, as rows with one column ``value``."""

    name = "elements"
    inherit_cache = True


class _Field(ColumnElement[Any]):
    """A place in such an element, as the column holds it."""

    inherit_cache = False

    def __init__(self, place: int, column: Column[Any]) -> None:
        self.place = place
        self.type = column.type


@compiles(_Elements, "postgresql")
def _elements_on_postgresql(element: _Elements, compiler: SQLCompiler, **kw: object) -> str:
    return f"jsonb_array_elements({compiler.process(element.clauses, **kw)})"


@compiles(_Elements, "sqlite")
def _elements_on_sqlite(element: _Elements, compiler: SQLCompiler, **kw: object) -> str:
    return f"json_each({compiler.process(element.clauses, **kw)})"


@compiles(_Field, "postgresql")
def _field_on_postgresql(field: _Field, compiler: SQLCompiler, **_kw: object) -> str:
    if isinstance(field.type, Json):
        return f"row_.value -> {field.place}"
    return f"CAST(row_.value ->> {field.place} AS {compiler.dialect.type_compiler.process(field.type)})"


@compiles(_Field, "sqlite")
def _field_on_sqlite(field: _Field, _compiler: SQLCompiler, **_kw: object) -> str:
    return f"json_extract(row_.value, '$[{field.place}]')"
