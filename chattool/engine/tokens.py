"""Tokens that have ended are kept for a while, for whoever looks into what happened, then forgotten."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING

from db import tokens
from db.errors import StoreBusy, StoreUnavailable

if TYPE_CHECKING:
    from db.transactions import Store

FORGET_AFTER = timedelta(days=90)
_FORGET_INTERVAL = timedelta(hours=1)


async def forget_ended_tokens(store: Store) -> None:
    """Remove tokens that ended long ago, at every interval until cancelled."""
    while True:
        await store.clock.sleep(_FORGET_INTERVAL)
        with suppress(StoreBusy, StoreUnavailable):  # the next round will do
            while await store.write(tokens.prune, ended_before=FORGET_AFTER):
                pass
