"""What each workspace is charged: the parts of what a quota counts as consumed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from db.tables import users, workspace_charges, workspaces
from quota.budget import charge

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.ids import OrganizationId, UserId, WorkspaceId
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class WorkspaceCharge:
    """Credits per day that one workspace holds."""

    workspace_id: WorkspaceId
    workspace_name: str
    """``owner/name``."""
    credits: int


_credits = charge().label("credits")
_CHARGES = (
    select(workspaces.c.id, _credits)
    .join(workspace_charges, workspace_charges.c.workspace_id == workspaces.c.id)
    .where(workspaces.c.organization_id == bindparam("organization"), ~workspaces.c.deleted)
)
_LARGEST = (
    select(workspaces.c.id, workspaces.c.name, users.c.username, _credits)
    .select_from(workspaces)
    .join(users, users.c.id == workspaces.c.owner_id)
    .join(workspace_charges, workspace_charges.c.workspace_id == workspaces.c.id)
    .where(
        workspaces.c.owner_id == bindparam("user"),
        workspaces.c.organization_id == bindparam("organization"),
        ~workspaces.c.deleted,
    )
    .order_by(_credits.desc(), workspaces.c.name)
    .limit(bindparam("most"))
)


def charges(conn: Connection, organization_id: OrganizationId) -> Mapping[WorkspaceId, int]:
    """Credits per day of each living workspace of an organization."""
    return {row.id: row.credits for row in conn.rows(_CHARGES, organization=organization_id)}


def largest_charges(
    conn: Connection, user_id: UserId, organization_id: OrganizationId, *, limit: int
) -> list[WorkspaceCharge]:
    """The user's living workspaces there, the one that holds most first."""
    return [
        WorkspaceCharge(workspace_id=row.id, workspace_name=f"{row.username}/{row.name}", credits=row.credits)
        for row in conn.rows(_LARGEST, user=user_id, organization=organization_id, most=limit)
    ]
