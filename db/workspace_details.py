"""Workspaces as they are shown and searched: with their organization, template and latest build."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal, select

from db import workspaces as workspace_reads
from db.conditions import among
from db.errors import NotFound
from db.records import Workspace
from db.status_columns import build_status_is
from db.tables import organizations, provisioner_jobs, templates, users, workspace_builds, workspaces

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import ColumnElement, Select

    from db.ids import OrganizationId, TemplateId, TemplateVersionId, UserId, WorkspaceId
    from db.statements import Row
    from db.states import BuildStatus
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class WorkspaceDetails:
    """A workspace with the names it is shown by."""

    workspace: Workspace
    organization_name: str
    template_display_name: str
    template_icon: str
    template_active_version_id: TemplateVersionId | None
    template_require_active_version: bool


@dataclass(frozen=True, kw_only=True)
class WorkspaceFilter:
    """Which workspaces are wanted; what is ``None`` does not matter. Names are compared without case."""

    owner: str | None = None
    template: str | None = None
    name: str | None = None
    """A part of the name."""
    status: BuildStatus | None = None
    template_id: TemplateId | None = None


@dataclass(frozen=True, kw_only=True)
class Sight:
    """Whose workspaces somebody may see: the own ones in some organizations, and all in others."""

    user_id: UserId
    member_of: Collection[OrganizationId] = ()
    organizations: Collection[OrganizationId] = ()
    everywhere: bool = False


_WORKSPACE_FIELDS = list(Workspace.__dataclass_fields__)
_DETAIL_FIELDS = [name for name in WorkspaceDetails.__dataclass_fields__ if name != "workspace"]
_WORKSPACES = workspace_reads.WORKSPACES.add_columns(
    organizations.c.name.label("organization_name"),
    templates.c.display_name.label("template_display_name"),
    templates.c.icon.label("template_icon"),
    templates.c.active_version_id.label("template_active_version_id"),
    templates.c.require_active_version.label("template_require_active_version"),
).join(organizations, organizations.c.id == workspaces.c.organization_id)
_BY_ID = _WORKSPACES.where(workspaces.c.id == bindparam("workspace"))
_BY_NAME = (
    _WORKSPACES.where(
        workspaces.c.owner_id == bindparam("owner"),
        func.lower(workspaces.c.name) == func.lower(bindparam("name")),
    )
    .order_by(workspaces.c.deleted, workspaces.c.updated_at.desc())
    .limit(1)
)
_COUNTED = (
    select(func.count().label("count"))
    .select_from(workspaces)
    .join(users, users.c.id == workspaces.c.owner_id)
    .join(templates, templates.c.id == workspaces.c.template_id)
)
_newest = workspace_builds.alias("newest_build")


def workspace(conn: Connection, workspace_id: WorkspaceId) -> WorkspaceDetails:
    """The workspace, also a deleted one.

    Raises:
        NotFound: no such workspace.
    """
    row = conn.first(_BY_ID, workspace=workspace_id)
    if row is None:
        raise NotFound
    return _details_from(row)


def by_name(conn: Connection, owner_id: UserId, name: str) -> WorkspaceDetails:
    """The owner's workspace of that name: the living one, else the one deleted last.

    Raises:
        NotFound: there never was one.
    """
    row = conn.first(_BY_NAME, owner=owner_id, name=name)
    if row is None:
        raise NotFound
    return _details_from(row)


def found(
    conn: Connection, sight: Sight, wanted: WorkspaceFilter, *, limit: int, offset: int = 0
) -> tuple[list[WorkspaceDetails], int]:
    """A page of the living workspaces that match, by owner and name, and how many match in all."""
    values: dict[str, Any] = {}
    if not sight.everywhere:
        values = {
            "viewer": sight.user_id,
            "member_of": list(sight.member_of),
            "organizations": list(sight.organizations),
        }
    for name in ("owner", "template", "template_id"):
        if (value := getattr(wanted, name)) is not None:
            values[name] = value
    if wanted.name is not None:
        values["name"] = f"%{_escaped(wanted.name.lower())}%"
    names = frozenset(values)
    page = conn.rows(_page(names, wanted.status), most=limit, skipped=offset, **values)
    if len(page) < limit and (page or not offset):
        return [_details_from(row) for row in page], offset + len(page)
    return [_details_from(row) for row in page], int(conn.scalar(_count(names, wanted.status), **values))


# Composed of what is asked for, so that each question gets the plan that suits it.
@lru_cache
def _page(names: frozenset[str], status: BuildStatus | None) -> Select[Any]:
    matching = _matching(_WORKSPACES, names, status)
    ordered = matching.order_by(func.lower(users.c.username), func.lower(workspaces.c.name), workspaces.c.id)
    return ordered.limit(bindparam("most")).offset(bindparam("skipped"))


@lru_cache
def _count(names: frozenset[str], status: BuildStatus | None) -> Select[Any]:
    return _matching(_COUNTED, names, status)


def _matching(query: Select[Any], names: frozenset[str], status: BuildStatus | None) -> Select[Any]:
    conditions: dict[str, ColumnElement[bool]] = {
        "owner": func.lower(users.c.username) == func.lower(bindparam("owner")),
        "template": func.lower(templates.c.name) == func.lower(bindparam("template")),
        "template_id": workspaces.c.template_id == bindparam("template_id"),
        "name": func.lower(workspaces.c.name).like(bindparam("name"), escape="\\"),
        "viewer": (
            (workspaces.c.owner_id == bindparam("viewer")) & among(workspaces.c.organization_id, "member_of")
        )
        | among(workspaces.c.organization_id, "organizations"),
    }
    query = query.where(
        ~workspaces.c.deleted, *(conditions[name] for name in sorted(names & conditions.keys()))
    )
    if status is None:
        return query
    latest = (
        select(literal(1))
        .select_from(workspace_builds)
        .join(provisioner_jobs, provisioner_jobs.c.id == workspace_builds.c.job_id)
        .where(
            workspace_builds.c.workspace_id == workspaces.c.id,
            workspace_builds.c.build_number
            == select(func.max(_newest.c.build_number))
            .where(_newest.c.workspace_id == workspaces.c.id)
            .correlate(workspaces)
            .scalar_subquery(),
            build_status_is(status),
        )
        .correlate(workspaces)
    )
    return query.where(latest.exists())


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("%", "\\%").replace("_", "\\_")


def _details_from(row: Row) -> WorkspaceDetails:
    return WorkspaceDetails(
        workspace=Workspace(**{name: getattr(row, name) for name in _WORKSPACE_FIELDS}),
        **{name: getattr(row, name) for name in _DETAIL_FIELDS},
    )
