"""Credits as those know them who have no ledger at hand: the bounds of a cost, and what a commit answers."""

from __future__ import annotations

from dataclasses import dataclass

#: The budget where no quota is enforced.
NOT_ENFORCED = -1
#: The largest cost that the database can hold.
MAX_CREDITS = 2**63 - 1


@dataclass(frozen=True, kw_only=True)
class QuotaCommit:
    """What ``commit_quota`` decided."""

    ok: bool
    credits_consumed: int
    """With ``ok`` the sum that counts from now on; otherwise the sum before this build."""
    budget: int
    """-1 when no quota is enforced."""
