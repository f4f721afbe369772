"""What a user has spent and may spend in an organization."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import BigInteger, bindparam, case, cast, func, select

from db.tables import group_members, groups, organization_members, workspace_charges, workspaces
from quota.credits import NOT_ENFORCED

if TYPE_CHECKING:
    from sqlalchemy import ColumnElement, FromClause, ScalarSelect

    from db.ids import OrganizationId, UserId
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class WorkspaceQuota:
    """Credits per day of one user in one organization."""

    credits_consumed: int
    budget: int
    """Sum of the user's group allowances; -1 when no quota is enforced."""


def charge(charges: FromClause = workspace_charges) -> ColumnElement[int]:
    """What a workspace's row counts: the larger of what is confirmed and what is reserved."""
    reserved = func.coalesce(charges.c.reserved, 0)
    return case((reserved > charges.c.confirmed, reserved), else_=charges.c.confirmed)


# Names of their own: ``user`` may be a column of the very same tables in the statement around.
_owned = workspaces.alias("owned")
_owned_charges = workspace_charges.alias("owned_charges")


def consumed_by(user: ColumnElement[object], organization: ColumnElement[object]) -> ScalarSelect[int]:
    """The sum of the charges of the user's living workspaces there."""
    return (
        # PostgreSQL sums bigint to numeric, so say what comes back.
        select(cast(func.coalesce(func.sum(charge(_owned_charges)), 0), BigInteger))
        .select_from(_owned_charges)
        .join(_owned, _owned.c.id == _owned_charges.c.workspace_id)
        .where(_owned.c.owner_id == user, _owned.c.organization_id == organization, ~_owned.c.deleted)
        .correlate_except(_owned, _owned_charges)
        .scalar_subquery()
    )


def budget_of(user: ColumnElement[object], organization: ColumnElement[object]) -> ScalarSelect[int]:
    """The sum of the allowances of the user's groups there, Everyone included for members."""
    joined = (
        select(group_members.c.group_id)
        .where(group_members.c.user_id == user)
        .correlate_except(group_members)
    )
    member = (
        select(organization_members.c.organization_id)
        .where(organization_members.c.user_id == user)
        .correlate_except(organization_members)
    )
    return (
        select(cast(func.coalesce(func.sum(groups.c.quota_allowance), 0), BigInteger))
        .where(
            groups.c.organization_id == organization,
            groups.c.id.in_(joined) | ((groups.c.id == groups.c.organization_id) & groups.c.id.in_(member)),
        )
        .correlate_except(groups)
        .scalar_subquery()
    )


_USER = bindparam("user", type_=workspaces.c.owner_id.type)
_ORGANIZATION = bindparam("organization", type_=workspaces.c.organization_id.type)
# One statement, so that both numbers come from one snapshot.
_QUOTA = select(
    consumed_by(_USER, _ORGANIZATION).label("consumed"), budget_of(_USER, _ORGANIZATION).label("budget")
)


def workspace_quota(
    conn: Connection, user_id: UserId, organization_id: OrganizationId, *, enforced: bool = True
) -> WorkspaceQuota:
    """Consumed credits and budget of a user in an organization, from one snapshot."""
    row = conn.first(_QUOTA, user=user_id, organization=organization_id)
    assert row is not None  # noqa: S101 - a select of two sums always has a row
    return WorkspaceQuota(
        credits_consumed=max(0, row.consumed), budget=max(0, row.budget) if enforced else NOT_ENFORCED
    )
