"""Conditions that each database writes in its own words: an id in a list, a document within a document."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sqlalchemy import Boolean, bindparam
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.expression import ColumnElement
from sqlalchemy.types import UserDefinedType

from db.types import canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect
    from sqlalchemy.sql.compiler import SQLCompiler


def among(column: ColumnElement[Any], name: str) -> ColumnElement[bool]:
    """Whether an id column holds one of the ids of the value ``name``, a list of any length."""
    return _Among(column, bindparam(name, type_=_IdList()))


def is_subset(part: ColumnElement[Any], whole: ColumnElement[Any]) -> ColumnElement[bool]:
    """Whether each key of the JSON object ``part`` is in ``whole`` with the same text as its value."""
    return _Subset(part, whole)


class _IdList(UserDefinedType[Any]):
    """A list of ids as one value: ``uuid[]`` on PostgreSQL, a JSON list on SQLite."""

    cache_ok = True

    def get_col_spec(self, **_kw: object) -> str:
        return "UUID[]"

    def bind_processor(self, dialect: Dialect) -> Callable[[Any], object]:
        if dialect.name == "sqlite":
            return lambda ids: canonical_json([str(each) for each in ids])
        return list


class _Among(ColumnElement[bool]):
    inherit_cache = False
    type = Boolean()

    def __init__(self, column: ColumnElement[Any], ids: ColumnElement[Any]) -> None:
        self.column = column
        self.ids = ids


class _Subset(ColumnElement[bool]):
    inherit_cache = False
    type = Boolean()

    def __init__(self, part: ColumnElement[Any], whole: ColumnElement[Any]) -> None:
        self.part = part
        self.whole = whole


# Only what the compiler made of columns and placeholders goes into the texts below.


@compiles(_Among, "postgresql")
def _among_on_postgresql(element: _Among, compiler: SQLCompiler, **kw: object) -> str:
    return f"{compiler.process(element.column, **kw)} = ANY({compiler.process(element.ids, **kw)})"


@compiles(_Among, "sqlite")
def _among_on_sqlite(element: _Among, compiler: SQLCompiler, **kw: object) -> str:
    column, ids = compiler.process(element.column, **kw), compiler.process(element.ids, **kw)
    return f"{column} IN (SELECT value FROM json_each({ids}))"  # noqa: S608


@compiles(_Subset, "postgresql")
def _subset_on_postgresql(element: _Subset, compiler: SQLCompiler, **kw: object) -> str:
    return compiler.process(element.part.op("<@")(element.whole), **kw)


@compiles(_Subset, "sqlite")
def _subset_on_sqlite(element: _Subset, compiler: SQLCompiler, **kw: object) -> str:
    part, whole = compiler.process(element.part, **kw), compiler.process(element.whole, **kw)
    return (
        f"NOT EXISTS (SELECT 1 FROM json_each({part}) AS wanted WHERE NOT EXISTS "  # noqa: S608
        f"(SELECT 1 FROM json_each({whole}) AS had WHERE had.key = wanted.key AND had.value = wanted.value))"
    )
