"""Errors of the quota. A refusal is an answer of ``commit_quota``, not an exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.errors import ChattoolError

if TYPE_CHECKING:
    from datetime import timedelta


class QuotaError(ChattoolError):
    """The quota could not be read or written."""

    code = "QUOTA_ERROR"


class QuotaLockTimeout(QuotaError):
    """Other builds of the same owner held the quota for too long. Never a refusal."""

    code = "QUOTA_LOCK_TIMEOUT"
    retryable = True

    def __init__(self, waited: timedelta) -> None:
        super().__init__(
            f"timed out after {waited.total_seconds():g}s waiting for the quota lock; please build again"
        )
        self.waited = waited
