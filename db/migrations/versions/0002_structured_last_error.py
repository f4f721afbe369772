"""``chats.last_error`` becomes structured JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import sqlalchemy as sa
from alembic import op

from db.types import Json, canonical_json

if TYPE_CHECKING:
    from collections.abc import Callable

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_chats = sa.table("chats", sa.column("id"), sa.column("last_error"))


def upgrade() -> None:
    """Wrap every text, never parsed, as the message of a failure of kind ``generic``."""
    if op.get_bind().dialect.name == "sqlite":
        # The column is text on SQLite before and after.
        _rewrite(lambda text: canonical_json({"message": text, "kind": "generic"}))
        return
    op.alter_column(
        "chats",
        "last_error",
        type_=Json(),
        postgresql_using=(
            "CASE WHEN last_error IS NOT NULL"
            " THEN jsonb_build_object('message', last_error, 'kind', 'generic') END"
        ),
    )


def downgrade() -> None:
    """Keep the message alone; without one nothing remains."""
    if op.get_bind().dialect.name == "sqlite":
        _rewrite(_message)
        return
    op.alter_column("chats", "last_error", type_=sa.Text(), postgresql_using="last_error ->> 'message'")


def _rewrite(rewritten: Callable[[str], str | None]) -> None:
    connection = op.get_bind()
    stored = connection.execute(sa.select(_chats).where(_chats.c.last_error.is_not(None))).all()
    for chat_id, text in stored:
        values = {"last_error": rewritten(text)}
        connection.execute(_chats.update().where(_chats.c.id == chat_id).values(values))


def _message(document: str) -> str | None:
    """What PostgreSQL's ``->> 'message'`` answers."""
    try:
        found = json.loads(document)
    except ValueError:
        return None
    message = found.get("message") if isinstance(found, dict) else None
    return message if message is None or isinstance(message, str) else canonical_json(message)
