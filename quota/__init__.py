"""May this build spend? Budgets, the ledger of charges, and the check that replays it."""

from quota.budget import NOT_ENFORCED, WorkspaceQuota, workspace_quota
from quota.errors import QuotaError, QuotaLockTimeout
from quota.ledger import QuotaCommit

__all__ = [
    "NOT_ENFORCED",
    "QuotaCommit",
    "QuotaError",
    "QuotaLockTimeout",
    "WorkspaceQuota",
    "workspace_quota",
]
