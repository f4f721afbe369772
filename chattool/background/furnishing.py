"""The bundled templates, for a state directory that nobody has set up yet."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from chattool.bundled_templates import bundled_templates
from chattool.engine.templates import push_template
from chattool.starter import DEFAULT_USER
from db import templates, users
from db.errors import ChattoolError

if TYPE_CHECKING:
    from pathlib import Path

    from db.records import Organization, User
    from db.transactions import Connection, Store

log = logging.getLogger(__name__)

_LIMIT_SECONDS = 10


async def furnish(store: Store) -> None:
    """Push the bundled templates, unless there is, or ever was, a template or another user.

    A directory without them works, too, so what goes wrong is only logged. A daemon has to be at work.
    """
    owner = await store.write(_owner_of_new_directory)
    if owner is None:
        return
    try:
        async with asyncio.timeout(_LIMIT_SECONDS):
            await asyncio.gather(*(_push(store, folder, *owner) for folder in bundled_templates()))
    except (ChattoolError, OSError) as error:  # a time-out is an OSError
        log.warning("cannot push the bundled templates: %s", error, extra={"action": "furnish"})


async def _push(store: Store, folder: Path, organization: Organization, user: User) -> None:
    await push_template(store, folder, organization_id=organization.id, initiator_id=user.id)


def _owner_of_new_directory(conn: Connection) -> tuple[Organization, User] | None:
    organization = users.ensure_organization(conn)
    in_use = templates.ever_had_one(conn, organization.id)
    others = [user for user in users.list_users(conn, organization.id) if user.username != DEFAULT_USER]
    return None if in_use or others else users.ensure_owner(conn, DEFAULT_USER)
