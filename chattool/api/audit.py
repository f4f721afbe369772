"""A line in the log for everything that changes who may do what."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chattool.identity import Caller

log = logging.getLogger(__name__)


def note(caller: Caller | None, change: str, **facts: object) -> None:
    """Log that ``caller``, or somebody with the set-up code, made ``change``; ``facts`` hold no secrets."""
    by = {"by": caller.user.username, "token_id": caller.token_id} if caller else {"by": "set-up code"}
    log.info("%s", change, extra={"action": "audit", **by, **facts})
