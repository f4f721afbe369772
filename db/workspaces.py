"""Workspaces: finding, listing and making their rows. Builds are made in ``provisioner.builds``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, insert, select, update

from db import ids
from db.errors import Conflict, NotFound, RequestError, Validation
from db.records import Workspace
from db.tables import templates, users, workspace_builds, workspaces
from db.transactions import Writes

if TYPE_CHECKING:
    from datetime import datetime

    from db.ids import OrganizationId, TemplateId, UserId, WorkspaceId
    from db.transactions import Connection

_LATEST_BUILD = (
    select(workspace_builds.c.id)
    .where(workspace_builds.c.workspace_id == workspaces.c.id)
    .order_by(workspace_builds.c.build_number.desc())
    .limit(1)
    .correlate(workspaces)
    .scalar_subquery()
    .label("latest_build_id")
)
#: Workspaces with the names they are shown by, for further columns and conditions.
WORKSPACES = (
    select(
        *(
            workspaces.c[name]
            for name in (
                "id",
                "owner_id",
                "organization_id",
                "template_id",
                "name",
                "ttl_ms",
                "deleted",
                "created_at",
                "updated_at",
                "last_used_at",
            )
        ),
        users.c.username.label("owner_name"),
        templates.c.name.label("template_name"),
        _LATEST_BUILD,
    )
    .join(users, users.c.id == workspaces.c.owner_id)
    .join(templates, templates.c.id == workspaces.c.template_id)
)
_BY_ID = WORKSPACES.where(workspaces.c.id == bindparam("workspace"))
_EVER_NAMED = WORKSPACES.where(
    func.lower(users.c.username) == func.lower(bindparam("owner")),
    func.lower(workspaces.c.name) == func.lower(bindparam("name")),
)
_BY_NAME = _EVER_NAMED.where(~workspaces.c.deleted)
_LAST_BY_NAME = _EVER_NAMED.order_by(workspaces.c.deleted, workspaces.c.created_at.desc()).limit(1)
_ALL = (
    WORKSPACES.where(~workspaces.c.deleted)
    # As the indexes have them, so that the first thousand of very many cost no sort of all.
    .order_by(func.lower(users.c.username), func.lower(workspaces.c.name))
    .limit(bindparam("most"))
)
_INSERT = insert(workspaces).values(
    {
        c: bindparam(c)
        for c in (
            "id",
            "owner_id",
            "organization_id",
            "template_id",
            "name",
            "ttl_ms",
            "created_at",
            "updated_at",
            "last_used_at",
        )
    }
)
_SET_DELETED = (
    update(workspaces)
    .where(workspaces.c.id == bindparam("workspace"))
    .values(deleted=True, updated_at=bindparam("now"))
)


def topic(workspace_id: WorkspaceId) -> str:
    """The topic of wake-ups about new builds of a workspace."""
    return f"workspace:{workspace_id}"


def workspace(conn: Connection, workspace_id: WorkspaceId) -> Workspace:
    """The workspace, also a deleted one.

    Raises:
        NotFound: no such workspace.
    """
    found = conn.record(Workspace, _BY_ID, workspace=workspace_id)
    if found is None:
        raise NotFound
    return found


def by_name(conn: Connection, owner: str, name: str) -> Workspace:
    """The living workspace ``owner/name``, compared without case.

    Raises:
        NotFound: no such workspace.
    """
    found = conn.record(Workspace, _BY_NAME, owner=owner, name=name)
    if found is None:
        raise NotFound
    return found


def last_by_name(conn: Connection, owner: str, name: str) -> Workspace:
    """The living workspace ``owner/name``, else the newest of the deleted ones that had the name.

    Raises:
        NotFound: there never was one.
    """
    found = conn.record(Workspace, _LAST_BY_NAME, owner=owner, name=name)
    if found is None:
        raise NotFound
    return found


def listed(conn: Connection, *, limit: int = 1000) -> list[Workspace]:
    """The living workspaces, by owner and name."""
    return conn.records(Workspace, _ALL, most=limit)


def create(
    conn: Connection,
    *,
    owner_id: UserId,
    organization_id: OrganizationId,
    template_id: TemplateId,
    name: str,
    ttl_ms: int | None,
) -> WorkspaceId:
    """The id of a new workspace, which still needs its first build in the same transaction.

    Raises:
        RequestError: 409 with a validation on ``name``: the owner has a workspace of that name.
    """
    workspace_id = ids.WorkspaceId(ids.new_id())
    try:
        conn.run(
            _INSERT,
            id=workspace_id,
            owner_id=owner_id,
            organization_id=organization_id,
            template_id=template_id,
            name=name,
            ttl_ms=ttl_ms,
            created_at=conn.now,
            updated_at=conn.now,
            last_used_at=conn.now,
        )
    except Conflict as error:
        if error.constraint != "uq_workspaces_name":
            raise
        message = f"Workspace {name!r} already exists."
        taken = Validation(field="name", detail="This value is already in use and should be unique.")
        raise RequestError(409, message, validations=[taken]) from error
    return workspace_id


def deletion(workspace_id: WorkspaceId, now: datetime) -> Writes:
    """Mark the workspace deleted; its name is free again."""
    return Writes(_SET_DELETED, workspace=workspace_id, now=now)
