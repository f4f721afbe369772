"""Builds as they are shown: with the names of their workspace, owner, initiator and template version."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam

from db import builds
from db.builds import build_from
from db.conditions import among
from db.errors import NotFound
from db.tables import template_versions, users, workspace_builds, workspaces

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from sqlalchemy import Select

    from db.ids import BuildId, UserId, WorkspaceId
    from db.records import Build
    from db.statements import Row
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class BuildDetails:
    """A build with the names it is shown by."""

    build: Build
    workspace_name: str
    owner_id: UserId
    owner_name: str
    initiator_name: str
    template_version_name: str


_NAMES = [name for name in BuildDetails.__dataclass_fields__ if name != "build"]
_owner = users.alias("owner")
_initiator = users.alias("initiator")
_BUILDS = (
    builds.BUILDS.add_columns(
        workspaces.c.name.label("workspace_name"),
        workspaces.c.owner_id,
        _owner.c.username.label("owner_name"),
        _initiator.c.username.label("initiator_name"),
        template_versions.c.name.label("template_version_name"),
    )
    .join(workspaces, workspaces.c.id == workspace_builds.c.workspace_id)
    .join(_owner, _owner.c.id == workspaces.c.owner_id)
    .join(_initiator, _initiator.c.id == workspace_builds.c.initiator_id)
    .join(template_versions, template_versions.c.id == workspace_builds.c.template_version_id)
)
_AMONG = _BUILDS.where(among(workspace_builds.c.id, "builds"))


def details(conn: Connection, build_ids: Collection[BuildId]) -> dict[BuildId, BuildDetails]:
    """The builds of these ids, by id; unknown ones are left out."""
    found = [_details_from(row) for row in conn.rows(_AMONG, builds=build_ids)] if build_ids else []
    return {each.build.id: each for each in found}


def build(conn: Connection, build_id: BuildId) -> BuildDetails:
    """The build.

    Raises:
        NotFound: no such build.
    """
    found = details(conn, [build_id])
    if not found:
        raise NotFound
    return found[build_id]


def listed(
    conn: Connection,
    workspace_id: WorkspaceId,
    *,
    limit: int,
    offset: int = 0,
    since: datetime | None = None,
) -> list[BuildDetails]:
    """Builds of a workspace, newest first; with ``since`` those made after it."""
    values = {} if since is None else {"since": since}
    statement = _listing(since=since is not None)
    rows = conn.rows(statement, workspace=workspace_id, most=limit, skipped=offset, **values)
    return [_details_from(row) for row in rows]


@lru_cache
def _listing(*, since: bool) -> Select[Any]:
    listing = _BUILDS.where(workspace_builds.c.workspace_id == bindparam("workspace"))
    if since:
        listing = listing.where(workspace_builds.c.created_at > bindparam("since"))
    ordered = listing.order_by(workspace_builds.c.build_number.desc())
    return ordered.limit(bindparam("most")).offset(bindparam("skipped"))


def _details_from(row: Row) -> BuildDetails:
    return BuildDetails(build=build_from(row), **{name: getattr(row, name) for name in _NAMES})
