"""What holds a user's credits."""

from __future__ import annotations

from uuid import UUID

from chattool.api.models.wire import Wire


class WorkspaceCharge(Wire):
    """Credits a day that one workspace holds."""

    workspace_id: UUID
    workspace_name: str
    """``owner/name``."""
    credits: int


class GroupAllowance(Wire):
    """Credits a day that a group grants to each of its members."""

    name: str
    quota_allowance: int


class QuotaStatement(Wire):
    """A quota, what holds the credits, and where the budget comes from."""

    credits_consumed: int
    budget: int
    """-1: none is enforced."""
    charges: list[WorkspaceCharge]
    """The largest first."""
    groups: list[GroupAllowance]
