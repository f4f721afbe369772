"""Whether what is stored encrypted can be read here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from db import secrets
from db.secrets import VARIABLE, KeyInvalid, SecretUnreadable
from db.tables import template_versions, templates
from provisioner import documents

if TYPE_CHECKING:
    from pathlib import Path

    from db.transactions import Connection, Store

_ACTIVE = (
    select(template_versions.c.variables)
    .join(templates, templates.c.active_version_id == template_versions.c.id)
    .where(~templates.c.deleted)
)


@dataclass(frozen=True, kw_only=True)
class KeyTrouble:
    """Why no values can be kept here, or those that are kept cannot be read."""

    text: str
    advice: str
    builds_fail: bool = True


async def key_trouble(store: Store, path: Path | None) -> KeyTrouble | None:
    """What is wrong with the key of stored secrets; ``path`` is that of a SQLite file. No key is made."""
    kept = await store.read(count)
    if not secrets.has_key(path):
        # Looked at first, since opening a value would make a key for a SQLite file that has lost its own.
        if kept:
            return KeyTrouble(
                text=f"missing here, and {kept} stored values need it",
                advice=f"give {VARIABLE}, or put the key file back: builds of these templates fail",
            )
        if path is None:
            return KeyTrouble(
                text="none; values of template variables will be refused",
                advice=f"make one: chattool secrets new-key; set it as {VARIABLE} for every server",
                builds_fail=False,
            )
        return None
    try:
        secrets.check(path)
        await store.read(open_all)
    except KeyInvalid as error:
        return KeyTrouble(text=str(error), advice="correct it; between several keys stands a comma")
    except SecretUnreadable as error:
        return KeyTrouble(text=str(error), advice=f"put the key of before behind yours: {VARIABLE}=NEW,OLD")
    return None


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
