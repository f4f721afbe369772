"""Making a template of a version, changing it, choosing its active version."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from db import names, templates
from db.errors import Conflict, NotFound, RequestError, Validation
from db.states import JobStatus

if TYPE_CHECKING:
    from db.ids import TemplateId, TemplateVersionId, UserId
    from db.records import Template
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class TemplateChange:
    """What is to change about a template; what is ``None`` stays."""

    name: str | None = None
    display_name: str | None = None
    description: str | None = None
    icon: str | None = None
    default_ttl_ms: int | None = None
    allow_user_cancel_workspace_jobs: bool | None = None
    require_active_version: bool | None = None
    deprecated: str | None = None
    """Why it is deprecated; empty: it is not."""


def create(
    conn: Connection, version_id: TemplateVersionId, initiator_id: UserId, name: str, wanted: TemplateChange
) -> TemplateId:
    """A new template made from a version that belongs to none.

    It can be built from as soon as the import of that version has succeeded. What the version says about
    itself counts more than ``wanted``.

    Raises:
        NotFound: no such version.
        RequestError: 400 for a bad name, a version of another template, or one whose import failed; 409
            when the organization has a template of that name.
    """
    check_name(name, "template")
    version = templates.version(conn, version_id)
    provisioner = templates.import_job(conn, version_id).provisioner
    try:
        template_id = templates.create(
            conn,
            organization_id=version.organization_id,
            name=name,
            provisioner=provisioner,
            created_by=initiator_id,
        )
    except Conflict as conflict:
        raise name_taken(conflict, f"Template {name!r}") from conflict
    if not templates.adopt(conn, version_id, template_id):
        raise _unusable("template_version_id", "The template version belongs to a template already.")
    templates.change(conn, template_id, asdict(wanted))
    # Read now that the version's row is held: an import that ends later will see the template.
    job = templates.import_job(conn, version_id)
    if job.status is JobStatus.SUCCEEDED:
        templates.activate(conn, templates.version(conn, version_id))
    elif not job.status.active:
        reason = f"The template version has failed to import: {job.error or job.status}"
        raise _unusable("template_version_id", reason)
    return template_id


def change(conn: Connection, template_id: TemplateId, wanted: TemplateChange) -> None:
    """Store what is to change.

    Raises:
        RequestError: 400 for a bad name, 409 when it is taken.
    """
    if wanted.name is not None:
        check_name(wanted.name, "template")
    try:
        templates.change(conn, template_id, asdict(wanted))
    except Conflict as conflict:
        raise name_taken(conflict, f"Template {wanted.name!r}") from conflict


def choose_version(conn: Connection, template: Template, version_id: TemplateVersionId) -> None:
    """Make a version of the template the one that new workspaces get, an older one too.

    Raises:
        RequestError: 400 when it is no version of this template, or its import has not succeeded.
    """
    try:
        version = templates.version(conn, version_id)
    except NotFound:
        version = None
    if version is None or version.template_id != template.id:
        raise _unusable("id", "The template has no such version.")
    job = templates.import_job(conn, version_id)
    if job.status is not JobStatus.SUCCEEDED:
        raise _unusable("id", f"The import of the version is {job.status}.")
    templates.activate(conn, version)


def check_name(name: str, what: str) -> None:
    """Return when ``name`` may be the name of a template or of a version.

    Raises:
        RequestError: 400 with a validation on ``name``.
    """
    if not names.is_valid(name):
        rule = Validation(field="name", detail=f"A name has {names.RULE}.")
        raise RequestError(400, f"Invalid {what} name {name!r}.", validations=[rule])


def name_taken(conflict: Conflict, what: str) -> Exception:
    """What is told to who chose a name that is in use; other conflicts stay what they are."""
    if conflict.constraint not in {"uq_templates_name", "uq_template_versions_template_id_name"}:
        return conflict
    taken = Validation(field="name", detail="This value is already in use and should be unique.")
    return RequestError(409, f"{what} already exists.", validations=[taken])


def _unusable(field: str, detail: str) -> RequestError:
    return RequestError(400, detail, validations=[Validation(field=field, detail=detail)])
