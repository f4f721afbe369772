"""Sealing stored secrets anew, with the newest key."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select, update

from db.tables import template_versions
from provisioner import documents

if TYPE_CHECKING:
    from db.ids import TemplateVersionId
    from db.transactions import Connection, Store

_PAGE = 100

_versions = template_versions.c
_NEXT = (
    select(_versions.id, _versions.variables)
    .where(_versions.id > bindparam("after", type_=_versions.id.type))
    .order_by(_versions.id)
    .limit(_PAGE)
)
_FIRST = select(_versions.id, _versions.variables).order_by(_versions.id).limit(_PAGE)
_SET = (
    update(template_versions)
    .where(_versions.id == bindparam("version"))
    .values(variables=bindparam("new_variables"))
)


async def renew(store: Store) -> int:
    """Seal every stored secret with the newest key, also those kept in plain before there were keys.

    Answers how many template versions were changed. It may be interrupted and repeated.

    Raises:
        NoSecretKey, SecretUnreadable: nothing can be sealed, or opened, here; versions before are done.
    """
    changed = 0
    after: TemplateVersionId | None = None
    while True:
        after, renewed = await store.write(_renew_page, after)
        changed += renewed
        if after is None:
            return changed


def _renew_page(conn: Connection, after: TemplateVersionId | None) -> tuple[TemplateVersionId | None, int]:
    rows = conn.rows(_FIRST) if after is None else conn.rows(_NEXT, after=after)
    changed = 0
    for row in rows:
        renewed = documents.with_renewed_secrets(row.variables, conn.secrets)
        if renewed != row.variables:
            conn.run(_SET, version=row.id, new_variables=renewed)
            changed += 1
    return (rows[-1].id if len(rows) == _PAGE else None), changed
