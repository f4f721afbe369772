"""What kinds of failure there are, as one set of words."""

from __future__ import annotations

from enum import StrEnum


class Kind(StrEnum):
    """Why a model call failed, by what helps. The set is open: foreign kinds pass through as text."""

    AUTH = "auth"
    QUOTA_EXHAUSTED = "quota_exhausted"
    FREE_QUOTA_EXHAUSTED = "free_quota_exhausted"
    RATE_LIMIT = "rate_limit"
    OVERLOADED = "overloaded"
    TIMEOUT = "timeout"
    STARTUP_TIMEOUT = "startup_timeout"
    INVALID_REQUEST = "invalid_request"
    CONTEXT_OVERFLOW = "context_overflow"
    CONFIG = "config"
    CANCELED = "canceled"
    GENERIC = "generic"


_COMPAT = {
    Kind.QUOTA_EXHAUSTED: "usage_limit",
    Kind.FREE_QUOTA_EXHAUSTED: Kind.RATE_LIMIT.value,
    Kind.INVALID_REQUEST: Kind.GENERIC.value,
    Kind.CANCELED: Kind.GENERIC.value,
    Kind.CONTEXT_OVERFLOW: Kind.CONFIG.value,
}


def compat_kind(kind: str) -> str:
    """The word for ``kind`` in Coder's older set, for clients that know no other; never stored or sent."""
    return _COMPAT.get(kind, str(kind))  # type: ignore[call-overload, no-any-return]
