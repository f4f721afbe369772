"""Who uses which templates, as far as it tells what a user will want next."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from db.ids import TemplateId
from db.records import TemplateUsage
from db.states import Transition
from db.tables import workspace_builds, workspaces

if TYPE_CHECKING:
    from datetime import datetime

    from db.ids import OrganizationId, UserId
    from db.transactions import Connection

_IN_ORGANIZATION = workspaces.c.organization_id == bindparam("organization")
_workspace = func.count(workspaces.c.id.distinct())
_OWN = (
    select(
        workspaces.c.template_id,
        _workspace.filter(~workspaces.c.deleted).label("active"),
        # Nothing changes a workspace any more after its deletion.
        _workspace.filter(workspaces.c.deleted, workspaces.c.updated_at >= bindparam("removed_after")).label(
            "removed"
        ),
        func.max(workspace_builds.c.created_at)
        .filter(workspace_builds.c.transition == Transition.START.value)
        .label("last_used_at"),
    )
    .join(workspace_builds, workspace_builds.c.workspace_id == workspaces.c.id)
    .where(_IN_ORGANIZATION, workspaces.c.owner_id == bindparam("owner"))
    .group_by(workspaces.c.template_id)
)
_DEVELOPERS = (
    select(workspaces.c.template_id, func.count(workspaces.c.owner_id.distinct()).label("developers"))
    .where(_IN_ORGANIZATION, ~workspaces.c.deleted)
    .group_by(workspaces.c.template_id)
)


def usage(
    conn: Connection, owner_id: UserId, organization_id: OrganizationId, *, removed_after: datetime
) -> dict[TemplateId, TemplateUsage]:
    """How templates of an organization are used, by the owner and by all; unused ones are left out.

    Of the owner's removed workspaces those count that were removed at ``removed_after`` or later. A use is
    the request of a start.
    """
    own = {
        row.template_id: row
        for row in conn.rows(_OWN, owner=owner_id, organization=organization_id, removed_after=removed_after)
    }
    developers = {
        row.template_id: row.developers for row in conn.rows(_DEVELOPERS, organization=organization_id)
    }
    return {
        TemplateId(template_id): TemplateUsage(
            active=own[template_id].active if template_id in own else 0,
            removed=own[template_id].removed if template_id in own else 0,
            last_used_at=own[template_id].last_used_at if template_id in own else None,
            developers=developers.get(template_id, 0),
        )
        for template_id in own.keys() | developers.keys()
    }
