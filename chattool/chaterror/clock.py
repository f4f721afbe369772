"""The time, for functions that were given none; besides ``db.clock`` the only place that asks for it."""

from __future__ import annotations

from datetime import UTC, datetime


def now() -> datetime:
    """The current time, aware, in UTC."""
    return datetime.now(UTC)
