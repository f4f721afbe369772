"""Whether what is stored encrypted can be read here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import select

from db.tables import template_versions, templates
from provisioner import documents

if TYPE_CHECKING:
    from db.transactions import Connection

_ACTIVE = (
    select(template_versions.c.variables)
    .join(templates, templates.c.active_version_id == template_versions.c.id)
    .where(~templates.c.deleted)
)


def count(conn: Connection) -> int:
    """How many values the active versions of templates keep; none is opened."""
    return sum(documents.sealed(row.variables) for row in conn.rows(_ACTIVE))


def open_all(conn: Connection) -> None:
    """Open each of them.

    Raises:
        SecretUnreadable: one was sealed with a key that is not known here.
        KeyInvalid: what is given as a key is none.
    """
    for row in conn.rows(_ACTIVE):
        documents.given_values(row.variables, conn.secrets)
