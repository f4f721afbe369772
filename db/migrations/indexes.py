"""Indexes made while a fleet is at work."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from alembic import op
from sqlalchemy import text

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sqlalchemy import TextClause


def create_index(
    name: str,
    table: str,
    columns: Sequence[str | TextClause],
    *,
    where: str | None = None,
    where_on_sqlite: str | None = None,
) -> None:
    """Make an index; on PostgreSQL nobody is kept from the table meanwhile.

    That is no part of a transaction: what a revision did before is committed first. ``where_on_sqlite`` is
    for a condition that SQLite words differently.
    """
    if op.get_bind().dialect.name == "sqlite":
        condition = where_on_sqlite or where
        op.create_index(name, table, columns, sqlite_where=None if condition is None else text(condition))
        return
    with _on_its_own():
        # What an interrupted attempt left is there by name, but not valid.
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)
        op.create_index(
            name,
            table,
            columns,
            postgresql_where=None if where is None else text(where),
            postgresql_concurrently=True,
        )


def drop_index(name: str, table: str) -> None:
    """Remove an index, likewise."""
    if op.get_bind().dialect.name == "sqlite":
        op.drop_index(name, table)
        return
    with _on_its_own():
        op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)


@contextmanager
def _on_its_own() -> Iterator[None]:
    with op.get_context().autocommit_block():
        op.execute("SET lock_timeout = 0")  # it waits for others, but nobody waits for it
        try:
            yield
        finally:
            op.execute("RESET lock_timeout")
