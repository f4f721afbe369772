"""Column types that read the same in Python on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sqlalchemy.ext.compiler import compiles
from sqlalchemy.types import UserDefinedType

if TYPE_CHECKING:
    from collections.abc import Callable

    from sqlalchemy import Dialect
    from sqlalchemy.sql.compiler import TypeCompiler

    Processor = Callable[[Any], Any] | None


#: JSON text that is equal for equal values, so that SQLite can compare it as text.
canonical_json: Callable[[object], str] = json.JSONEncoder(
    sort_keys=True, separators=(",", ":"), ensure_ascii=False
).encode


def utc_text(value: datetime | None) -> str | None:
    """The moment as SQLite keeps it: always UTC and of fixed width, so that text order is time order."""
    return None if value is None else value.astimezone(UTC).isoformat(timespec="microseconds")


class Timestamp(UserDefinedType[datetime]):
    """An aware moment: ``timestamptz`` on PostgreSQL, sortable ISO 8601 text on SQLite."""

    cache_ok = True

    def get_col_spec(self, **_kw: object) -> str:
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Processor:
        return utc_text if dialect.name == "sqlite" else None

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:  # noqa: ARG002 - SQLAlchemy's signature
        if dialect.name != "sqlite":
            return None
        return lambda value: None if value is None else datetime.fromisoformat(value)


class Id(UserDefinedType[UUID]):
    """A UUID: ``uuid`` on PostgreSQL, text with hyphens on SQLite."""

    cache_ok = True

    def get_col_spec(self, **_kw: object) -> str:
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Processor:
        if dialect.name != "sqlite":
            return None
        return lambda value: None if value is None else str(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:  # noqa: ARG002 - SQLAlchemy's signature
        if dialect.name != "sqlite":
            return None
        return lambda value: None if value is None else UUID(value)


class Json(UserDefinedType[Any]):
    """A JSON document: ``jsonb`` on PostgreSQL, canonical JSON text on SQLite. ``None`` is NULL."""

    cache_ok = True

    def get_col_spec(self, **_kw: object) -> str:
        return "TEXT"

    def bind_processor(self, dialect: Dialect) -> Processor:  # noqa: ARG002 - SQLAlchemy's signature
        return lambda value: None if value is None else canonical_json(value)

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:  # noqa: ARG002 - SQLAlchemy's signature
        return lambda value: None if value is None else json.loads(value)


class TolerantJson(Json):
    """``Json`` for objects that others may have written: what is none is read as its bare text."""

    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Processor:  # noqa: ARG002 - SQLAlchemy's signature
        return lambda value: None if value is None else _object_or_text(value)


def _object_or_text(stored: str) -> dict[str, Any] | str:
    try:
        found = json.loads(stored)
    except (ValueError, RecursionError):
        return stored
    return found if isinstance(found, dict) else stored


@compiles(Timestamp, "postgresql")
def _timestamp_on_postgresql(_type: Timestamp, _compiler: TypeCompiler, **_kw: object) -> str:
    return "TIMESTAMP WITH TIME ZONE"


@compiles(Id, "postgresql")
def _id_on_postgresql(_type: Id, _compiler: TypeCompiler, **_kw: object) -> str:
    return "UUID"


@compiles(Json, "postgresql")
def _json_on_postgresql(_type: Json, _compiler: TypeCompiler, **_kw: object) -> str:
    return "JSONB"
