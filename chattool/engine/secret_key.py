"""A look at the key of stored secrets before work begins, since builds would be the next to miss it."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from db import secrets
from db.engine import sqlite_path
from provisioner import stored_secrets

if TYPE_CHECKING:
    from db.transactions import Store

log = logging.getLogger(__name__)


def check_key(url: str) -> None:
    """Return when the key for the database at ``url`` is well formed, or none is given.

    Raises:
        KeyInvalid: it is malformed.
    """
    secrets.check(sqlite_path(url))


async def warn_of_key(store: Store, url: str) -> None:
    """Log what will be refused, or fail, for want of the right key."""
    trouble = await stored_secrets.key_trouble(store, sqlite_path(url))
    if trouble is not None:
        log.warning("secret key: %s", trouble.text, extra={"action": "secret_key", "advice": trouble.advice})
