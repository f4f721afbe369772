"""May this build spend? Budgets, the ledger of charges, and the check that replays it."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quota.budget import WorkspaceQuota, workspace_quota
    from quota.credits import NOT_ENFORCED, QuotaCommit
    from quota.errors import QuotaError, QuotaLockTimeout

__all__ = [
    "NOT_ENFORCED",
    "QuotaCommit",
    "QuotaError",
    "QuotaLockTimeout",
    "WorkspaceQuota",
    "workspace_quota",
]

# Imported on first use: a remote daemon knows what a commit answers, and has no database.
_HOMES = {
    "NOT_ENFORCED": "quota.credits",
    "QuotaCommit": "quota.credits",
    "QuotaError": "quota.errors",
    "QuotaLockTimeout": "quota.errors",
    "WorkspaceQuota": "quota.budget",
    "workspace_quota": "quota.budget",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_HOMES[name]), name)
    return value
