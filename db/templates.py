"""Templates, their versions and the archives these were made from."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, exists, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from db import ids
from db.builds import job_from
from db.errors import NotFound
from db.records import Job, Template, TemplateVersion
from db.states import ProvisionerType
from db.tables import file_uploads, files, provisioner_jobs, template_versions, templates

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sqlalchemy import ColumnElement

    from db.ids import FileId, JobId, OrganizationId, TemplateId, TemplateVersionId, UserId
    from db.transactions import Connection

_TEMPLATES = select(*(templates.c[name] for name in Template.__dataclass_fields__))
_TEMPLATE = _TEMPLATES.where(templates.c.id == bindparam("template"))
_TEMPLATE_BY_NAME = _TEMPLATES.where(
    templates.c.organization_id == bindparam("organization"),
    func.lower(templates.c.name) == func.lower(bindparam("name")),
    ~templates.c.deleted,
)
_LISTED = _TEMPLATES.where(
    templates.c.organization_id == bindparam("organization"), ~templates.c.deleted
).order_by(templates.c.name)
_ANY_OF_ORGANIZATION = (
    select(templates.c.id).where(templates.c.organization_id == bindparam("organization")).limit(1)
)
_INSERT_TEMPLATE = insert(templates).values(
    {
        c: bindparam(c)
        for c in ("id", "organization_id", "name", "provisioner", "created_by", "created_at", "updated_at")
    }
)
_active = template_versions.alias("active_version")
_candidate = template_versions.alias("candidate")
_ACTIVE_IS_NEWER = exists().where(
    _active.c.id == templates.c.active_version_id,
    _candidate.c.id == bindparam("version"),
    _active.c.created_at > _candidate.c.created_at,
)


def _kept_if_blank(name: str) -> ColumnElement[str]:
    """What a version says about its template, or, where it says nothing, what the template has."""
    return func.coalesce(func.nullif(bindparam(f"new_{name}"), ""), templates.c[name])


_ACTIVATE = (
    update(templates)
    .where(templates.c.id == bindparam("template"))
    .values(
        active_version_id=bindparam("version"),
        display_name=_kept_if_blank("display_name"),
        description=_kept_if_blank("description"),
        icon=_kept_if_blank("icon"),
        default_ttl_ms=func.coalesce(
            bindparam("new_ttl_ms", type_=templates.c.default_ttl_ms.type), templates.c.default_ttl_ms
        ),
        updated_at=bindparam("now"),
    )
)
_ACTIVATE_NEWER = _ACTIVATE.where(~_ACTIVE_IS_NEWER)
_CHANGEABLE = (
    "name",
    "display_name",
    "description",
    "icon",
    "default_ttl_ms",
    "allow_user_cancel_workspace_jobs",
    "require_active_version",
    "deprecated",
)
_CHANGE = (
    update(templates)
    .where(templates.c.id == bindparam("template"))
    .values(
        {
            name: func.coalesce(bindparam(f"new_{name}", type_=templates.c[name].type), templates.c[name])
            for name in _CHANGEABLE
        }
        | {"updated_at": bindparam("now")}
    )
)
_ADOPT = (
    update(template_versions)
    .where(template_versions.c.id == bindparam("version"), template_versions.c.template_id.is_(None))
    .values(template_id=bindparam("template"), updated_at=bindparam("now"))
)
_VERSIONS = select(*(template_versions.c[name] for name in TemplateVersion.__dataclass_fields__))
_VERSION = _VERSIONS.where(template_versions.c.id == bindparam("version"))
_VERSION_BY_JOB = _VERSIONS.where(template_versions.c.job_id == bindparam("job"))
_VERSIONS_OF = (
    _VERSIONS.where(template_versions.c.template_id == bindparam("template"))
    .order_by(template_versions.c.created_at.desc())
    .limit(bindparam("most"))
)
_JOB_OF_VERSION = (
    select(*(provisioner_jobs.c[name].label(f"job_{name}") for name in Job.__dataclass_fields__))
    .join(template_versions, template_versions.c.job_id == provisioner_jobs.c.id)
    .where(template_versions.c.id == bindparam("version"))
)
_INSERT_VERSION = insert(template_versions).values(
    {
        c: bindparam(c)
        for c in (
            "id",
            "organization_id",
            "template_id",
            "name",
            "message",
            "variables",
            "job_id",
            "created_by",
            "created_at",
            "updated_at",
        )
    }
)
_STORE_IMPORT = (
    update(template_versions)
    .where(template_versions.c.id == bindparam("version"))
    .values(
        readme=bindparam("new_readme"),
        variables=bindparam("new_variables"),
        parameters=bindparam("new_parameters"),
        presets=bindparam("new_presets"),
        about=bindparam("new_about"),
        start_cost=bindparam("new_start_cost"),
        stop_cost=bindparam("new_stop_cost"),
        has_external_agent=bindparam("external"),
        updated_at=bindparam("now"),
    )
)
_FILE_BY_HASH = select(files.c.id).where(files.c.hash == bindparam("digest"))
_FILE_KNOWN = select(files.c.id).where(files.c.id == bindparam("file"))
_FILE_ORGANIZATIONS = (
    select(template_versions.c.organization_id)
    .join(provisioner_jobs, provisioner_jobs.c.id == template_versions.c.job_id)
    .where(provisioner_jobs.c.file_id == bindparam("file"))
    .distinct()
)
_INSERT_FILE = (
    upsert(files)
    .values({c: bindparam(c) for c in ("id", "hash", "data", "created_at")})
    .on_conflict_do_nothing(index_elements=["hash"])
)
_INSERT_UPLOAD = (
    upsert(file_uploads)
    .values({c: bindparam(c) for c in ("file_id", "user_id")})
    .on_conflict_do_nothing(index_elements=["file_id", "user_id"])
)
_UPLOAD = select(file_uploads.c.file_id).where(
    file_uploads.c.file_id == bindparam("file"), file_uploads.c.user_id == bindparam("user")
)
_FILE = select(files.c.data).where(files.c.id == bindparam("file"))


def file_digest(data: bytes) -> str:
    """The hash by which an archive is known."""
    return hashlib.sha256(data).hexdigest()


def known_file(conn: Connection, digest: str) -> FileId | None:
    """The id of the archive with this hash, if it was stored."""
    return conn.scalar(_FILE_BY_HASH, digest=digest)  # type: ignore[no-any-return]


def store_file(conn: Connection, data: bytes) -> FileId:
    """The id of the archive; the same bytes are stored once."""
    digest = file_digest(data)
    known = known_file(conn, digest)
    if known is not None:
        return known
    file_id = ids.FileId(ids.new_id())
    if conn.run(_INSERT_FILE, id=file_id, hash=digest, data=data, created_at=conn.now):
        return file_id
    return ids.FileId(conn.scalar(_FILE_BY_HASH, digest=digest))  # somebody else stored it meanwhile


def file(conn: Connection, file_id: FileId) -> bytes:
    """The bytes of an archive.

    Raises:
        NotFound: no such file.
    """
    data = conn.scalar(_FILE, file=file_id)
    if data is None:
        raise NotFound
    return bytes(data)


def has_file(conn: Connection, file_id: FileId) -> bool:
    """Whether there is such an archive."""
    return conn.first(_FILE_KNOWN, file=file_id) is not None


def upload_file(conn: Connection, user_id: UserId, data: bytes) -> tuple[FileId, bool]:
    """The id of an archive that a user has, and whether the user had uploaded it before."""
    file_id = store_file(conn, data)
    is_new = conn.run(_INSERT_UPLOAD, file_id=file_id, user_id=user_id)
    return file_id, not is_new


def has_uploaded(conn: Connection, user_id: UserId, file_id: FileId) -> bool:
    """Whether the user has uploaded this archive."""
    return conn.first(_UPLOAD, file=file_id, user=user_id) is not None


def organizations_of_file(conn: Connection, file_id: FileId) -> list[OrganizationId]:
    """The organizations that have a template version made from this archive."""
    return [ids.OrganizationId(row.organization_id) for row in conn.rows(_FILE_ORGANIZATIONS, file=file_id)]


def create(
    conn: Connection,
    *,
    organization_id: OrganizationId,
    name: str,
    provisioner: ProvisionerType,
    created_by: UserId,
) -> TemplateId:
    """The id of a new template without a version.

    Raises:
        Conflict: the organization has a template of that name.
    """
    template_id = ids.TemplateId(ids.new_id())
    conn.run(
        _INSERT_TEMPLATE,
        id=template_id,
        organization_id=organization_id,
        name=name,
        provisioner=provisioner.value,
        created_by=created_by,
        created_at=conn.now,
        updated_at=conn.now,
    )
    return template_id


def create_version(
    conn: Connection,
    *,
    organization_id: OrganizationId,
    template_id: TemplateId | None,
    name: str,
    message: str,
    variables: Sequence[Mapping[str, object]],
    job_id: JobId,
    created_by: UserId,
) -> TemplateVersionId:
    """The id of a new version, which its import job fills; ``variables`` are the values it is given."""
    version_id = ids.TemplateVersionId(ids.new_id())
    conn.run(
        _INSERT_VERSION,
        id=version_id,
        organization_id=organization_id,
        template_id=template_id,
        name=name,
        message=message,
        variables=list(variables),
        job_id=job_id,
        created_by=created_by,
        created_at=conn.now,
        updated_at=conn.now,
    )
    return version_id


def template(conn: Connection, template_id: TemplateId) -> Template:
    """The template, also a deleted one.

    Raises:
        NotFound: no such template.
    """
    found = conn.record(_template_record, _TEMPLATE, template=template_id)
    if found is None:
        raise NotFound
    return found


def by_name(conn: Connection, organization_id: OrganizationId, name: str) -> Template | None:
    """The living template of that name, compared without case."""
    return conn.record(_template_record, _TEMPLATE_BY_NAME, organization=organization_id, name=name)


def listed(conn: Connection, organization_id: OrganizationId) -> list[Template]:
    """The living templates of an organization, by name."""
    return conn.records(_template_record, _LISTED, organization=organization_id)


def ever_had_one(conn: Connection, organization_id: OrganizationId) -> bool:
    """Whether the organization has a template, or had one that was deleted."""
    return conn.scalar(_ANY_OF_ORGANIZATION, organization=organization_id) is not None


def version(conn: Connection, version_id: TemplateVersionId) -> TemplateVersion:
    """The version.

    Raises:
        NotFound: no such version.
    """
    found = conn.record(TemplateVersion, _VERSION, version=version_id)
    if found is None:
        raise NotFound
    return found


def version_of_job(conn: Connection, job_id: JobId) -> TemplateVersion:
    """The version that an import job fills.

    Raises:
        NotFound: no such version.
    """
    found = conn.record(TemplateVersion, _VERSION_BY_JOB, job=job_id)
    if found is None:
        raise NotFound
    return found


def versions(conn: Connection, template_id: TemplateId, *, limit: int = 25) -> list[TemplateVersion]:
    """The newest versions of a template, newest first."""
    return conn.records(TemplateVersion, _VERSIONS_OF, template=template_id, most=limit)


def import_job(conn: Connection, version_id: TemplateVersionId) -> Job:
    """The job that imported a version.

    Raises:
        NotFound: no such version.
    """
    row = conn.first(_JOB_OF_VERSION, version=version_id)
    if row is None:
        raise NotFound
    return job_from(row)


def store_import(
    conn: Connection,
    version_id: TemplateVersionId,
    *,
    readme: str,
    variables: Sequence[Mapping[str, object]],
    parameters: Sequence[Mapping[str, object]],
    presets: Sequence[Mapping[str, object]],
    about: Mapping[str, object],
    start_cost: int | None,
    stop_cost: int | None,
    has_external_agent: bool,
) -> None:
    """Write what an import found in the version's archive."""
    conn.run(
        _STORE_IMPORT,
        version=version_id,
        new_readme=readme,
        new_variables=list(variables),
        new_parameters=list(parameters),
        new_presets=list(presets),
        new_about=dict(about),
        new_start_cost=start_cost,
        new_stop_cost=stop_cost,
        external=has_external_agent,
        now=conn.now,
    )


def activate(conn: Connection, version: TemplateVersion, *, unless_newer: bool = False) -> None:
    """Make a version the one that new builds use, and show its template as that version describes it.

    With ``unless_newer`` nothing changes when the active version was pushed after this one. What the version
    does not describe stays as it is. A version without a template is none to activate.
    """
    about = version.about
    conn.run(
        _ACTIVATE_NEWER if unless_newer else _ACTIVATE,
        template=version.template_id,
        version=version.id,
        **{f"new_{name}": about.get(name, "") for name in ("display_name", "description", "icon")},
        new_ttl_ms=about.get("ttl_ms"),
        now=conn.now,
    )


def adopt(conn: Connection, version_id: TemplateVersionId, template_id: TemplateId) -> bool:
    """Whether a version that had no template is now one of this template."""
    return bool(conn.run(_ADOPT, version=version_id, template=template_id, now=conn.now))


def change(conn: Connection, template_id: TemplateId, changes: Mapping[str, object]) -> None:
    """Store what is to change about a template: its name, its texts and its rules; ``None`` stays.

    Raises:
        Conflict: the organization has another template of that name.
    """
    values = {f"new_{name}": changes.get(name) for name in _CHANGEABLE}
    conn.run(_CHANGE, template=template_id, now=conn.now, **values)


def _template_record(**values: object) -> Template:
    provisioner = ProvisionerType(str(values.pop("provisioner")))
    return Template(**values, provisioner=provisioner)  # type: ignore[arg-type]  # columns carry the fields' types
