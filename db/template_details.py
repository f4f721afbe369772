"""Templates and versions as they are shown: with their organization, their users and who made them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select

from db.conditions import among
from db.errors import NotFound
from db.ids import TemplateVersionId
from db.records import Template, TemplateVersion
from db.states import ProvisionerType
from db.tables import organizations, provisioner_jobs, template_versions, templates, users, workspaces

if TYPE_CHECKING:
    from collections.abc import Collection

    from db.ids import OrganizationId, TemplateId
    from db.statements import Row
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class TemplateDetails:
    """A template with what it is shown by."""

    template: Template
    organization_name: str
    active_user_count: int
    usable_version_id: TemplateVersionId | None
    """The active version; before there is one, the newest that is being imported."""


@dataclass(frozen=True, kw_only=True)
class VersionDetails:
    """A template version with the name of who made it."""

    version: TemplateVersion
    creator_name: str


_TEMPLATE_FIELDS = list(Template.__dataclass_fields__)
_VERSION_FIELDS = list(TemplateVersion.__dataclass_fields__)
_USERS = (
    select(func.count(workspaces.c.owner_id.distinct()))
    .where(workspaces.c.template_id == templates.c.id, ~workspaces.c.deleted)
    .correlate(templates)
    .scalar_subquery()
)
_importing = template_versions.alias("importing_version")
_IMPORTING = (
    select(_importing.c.id)
    .join(provisioner_jobs, provisioner_jobs.c.id == _importing.c.job_id)
    .where(_importing.c.template_id == templates.c.id, provisioner_jobs.c.completed_at.is_(None))
    .order_by(_importing.c.created_at.desc())
    .limit(1)
    .correlate(templates)
    .scalar_subquery()
)
_TEMPLATES = select(
    *(templates.c[name] for name in _TEMPLATE_FIELDS),
    organizations.c.name.label("organization_name"),
    _USERS.label("active_user_count"),
    func.coalesce(templates.c.active_version_id, _IMPORTING).label("usable_version_id"),
).join(organizations, organizations.c.id == templates.c.organization_id)
_BY_ID = _TEMPLATES.where(templates.c.id == bindparam("template"), ~templates.c.deleted)
_BY_NAME = _TEMPLATES.where(
    templates.c.organization_id == bindparam("organization"),
    func.lower(templates.c.name) == func.lower(bindparam("name")),
    ~templates.c.deleted,
)
_OF_ORGANIZATIONS = _TEMPLATES.where(
    among(templates.c.organization_id, "organizations"), ~templates.c.deleted
).order_by(templates.c.name, templates.c.id)
_EVERYWHERE = _TEMPLATES.where(~templates.c.deleted).order_by(templates.c.name, templates.c.id)
_VERSIONS = select(
    *(template_versions.c[name] for name in _VERSION_FIELDS), users.c.username.label("creator_name")
).join(users, users.c.id == template_versions.c.created_by)
_VERSION = _VERSIONS.where(template_versions.c.id == bindparam("version"))
_OF_TEMPLATE = (
    _VERSIONS.where(template_versions.c.template_id == bindparam("template"))
    .order_by(template_versions.c.created_at.desc(), template_versions.c.id)
    .limit(bindparam("most"))
    .offset(bindparam("skipped"))
)


def template(conn: Connection, template_id: TemplateId) -> TemplateDetails:
    """The living template.

    Raises:
        NotFound: there is none.
    """
    return _only(conn.first(_BY_ID, template=template_id))


def template_by_name(conn: Connection, organization_id: OrganizationId, name: str) -> TemplateDetails:
    """The living template of that name, compared without case.

    Raises:
        NotFound: there is none.
    """
    return _only(conn.first(_BY_NAME, organization=organization_id, name=name))


def listed(conn: Connection, organization_ids: Collection[OrganizationId] | None) -> list[TemplateDetails]:
    """The living templates of these organizations, or of all with ``None``, by name."""
    if organization_ids is None:
        return [_template_from(row) for row in conn.rows(_EVERYWHERE)]
    return [_template_from(row) for row in conn.rows(_OF_ORGANIZATIONS, organizations=organization_ids)]


def version(conn: Connection, version_id: TemplateVersionId) -> VersionDetails:
    """The version.

    Raises:
        NotFound: no such version.
    """
    row = conn.first(_VERSION, version=version_id)
    if row is None:
        raise NotFound
    return _version_from(row)


def versions(
    conn: Connection, template_id: TemplateId, *, limit: int, offset: int = 0
) -> list[VersionDetails]:
    """The versions of a template, newest first."""
    rows = conn.rows(_OF_TEMPLATE, template=template_id, most=limit, skipped=offset)
    return [_version_from(row) for row in rows]


def _only(row: Row | None) -> TemplateDetails:
    if row is None:
        raise NotFound
    return _template_from(row)


def _template_from(row: Row) -> TemplateDetails:
    values = {name: getattr(row, name) for name in _TEMPLATE_FIELDS}
    values["provisioner"] = ProvisionerType(values["provisioner"])
    version_id = row.usable_version_id
    return TemplateDetails(
        template=Template(**values),
        organization_name=row.organization_name,
        active_user_count=row.active_user_count,
        usable_version_id=None if version_id is None else TemplateVersionId(version_id),
    )


def _version_from(row: Row) -> VersionDetails:
    version = TemplateVersion(**{name: getattr(row, name) for name in _VERSION_FIELDS})
    return VersionDetails(version=version, creator_name=row.creator_name)
