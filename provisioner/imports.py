"""Template versions: uploading one, and storing what its import found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update

from db import ids, names, templates
from db.errors import Conflict, NotFound, RequestError, Validation
from db.ids import new_id
from db.states import JobStatus, JobType, ProvisionerType
from db.tables import provisioner_jobs
from provisioner import documents, queue, tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.ids import FileId, JobId, OrganizationId, TemplateId, TemplateVersionId, UserId
    from db.records import Template
    from db.transactions import Connection
    from provisioner.jobs import Imported
    from provisioner.protocol import ParseResult, PlanResult

_SET_INPUT = (
    update(provisioner_jobs)
    .where(provisioner_jobs.c.id == bindparam("job"))
    .values(input=bindparam("job_input"))
)


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A stored archive that becomes a version of a template."""

    file_id: FileId
    provisioner: ProvisionerType
    name: str = ""
    """Empty: a random one."""
    message: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)


def push(
    conn: Connection,
    *,
    organization_id: OrganizationId,
    initiator_id: UserId,
    name: str,
    archive: bytes,
    provisioner: ProvisionerType,
    message: str = "",
    version_tags: Mapping[str, str] | None = None,
    variables: Mapping[str, str] | None = None,
) -> tuple[TemplateVersionId, JobId]:
    """A new version of the template of that name, and the job that imports it.

    The template is made when it is missing.
    The version becomes active when its import succeeds; until then builds go on with the one before.
    ``variables`` are values for template variables; one that is not given keeps its value of before.

    Raises:
        RequestError: 400 for a bad name, bad tags, or a template of another provisioner.
    """
    check_name(name, "template")
    template = templates.by_name(conn, organization_id, name)
    if template is None:
        template_id = templates.create(
            conn, organization_id=organization_id, name=name, provisioner=provisioner, created_by=initiator_id
        )
        template = templates.template(conn, template_id)
    upload = Upload(
        file_id=templates.store_file(conn, archive),
        provisioner=provisioner,
        message=message,
        tags=version_tags or {},
        variables=variables or {},
    )
    return add_version(conn, organization_id, initiator_id, upload, template=template)


def add_version(
    conn: Connection,
    organization_id: OrganizationId,
    initiator_id: UserId,
    upload: Upload,
    *,
    template: Template | None = None,
) -> tuple[TemplateVersionId, JobId]:
    """A new version from an archive that is stored, and the job that imports it.

    Without a template, the version is one that a template can be made from.

    Raises:
        RequestError: 400 for a bad name, bad tags, no such file, or a template of another provisioner; 409
            when the template has a version of that name.
    """
    _check_upload(conn, upload, template)
    job_id = queue.post(
        conn,
        job_type=JobType.TEMPLATE_VERSION_IMPORT,
        organization_id=organization_id,
        initiator_id=initiator_id,
        provisioner=upload.provisioner,
        file_id=upload.file_id,
        job_input={},
        job_tags=tags.job_tags(upload.tags, initiator_id),
    )
    try:
        version_id = templates.create_version(
            conn,
            organization_id=organization_id,
            template_id=template.id if template else None,
            name=upload.name or f"v-{new_id().hex[:8]}",
            message=upload.message,
            variables=[
                documents.given_value(*given) for given in _values(conn, template, upload.variables).items()
            ],
            job_id=job_id,
            created_by=initiator_id,
        )
    except Conflict as conflict:
        raise _name_taken(conflict, f"Template version {upload.name!r} already exists.") from conflict
    conn.run(_SET_INPUT, job=job_id, job_input={"template_version_id": str(version_id)})
    return version_id, job_id


def create_template(
    conn: Connection, version_id: TemplateVersionId, initiator_id: UserId, *, name: str
) -> TemplateId:
    """A new template made from a version that belongs to none.

    It can be built from as soon as the import of that version has succeeded.

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
        raise _name_taken(conflict, f"Template {name!r} already exists.") from conflict
    if not templates.adopt(conn, version_id, template_id):
        raise _unusable("The template version belongs to a template already.")
    # Read now that the version's row is held: an import that ends later will see the template.
    job = templates.import_job(conn, version_id)
    if not (job.status.active or job.status is JobStatus.SUCCEEDED):
        raise _unusable(f"The template version has failed to import: {job.error or job.status}")
    if job.status is JobStatus.SUCCEEDED:
        templates.activate(conn, templates.version(conn, version_id))
    return template_id


def change_template(conn: Connection, template: Template) -> None:
    """Store what was changed about a template.

    Raises:
        RequestError: 400 for a bad name, 409 when it is taken.
    """
    check_name(template.name, "template")
    try:
        templates.change(conn, template)
    except Conflict as conflict:
        raise _name_taken(conflict, f"Template {template.name!r} already exists.") from conflict


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
        raise _unusable("The template has no such version.", field="id")
    job = templates.import_job(conn, version_id)
    if job.status is not JobStatus.SUCCEEDED:
        raise _unusable(f"The import of the version is {job.status}.", field="id")
    templates.activate(conn, version)


def check_name(name: str, what: str) -> None:
    """Return when ``name`` may be the name of a template or of a version.

    Raises:
        RequestError: 400 with a validation on ``name``.
    """
    if not names.is_valid(name):
        rule = Validation(field="name", detail=f"A name has {names.RULE}.")
        raise RequestError(400, f"Invalid {what} name {name!r}.", validations=[rule])


def _check_upload(conn: Connection, upload: Upload, template: Template | None) -> None:
    if upload.name:
        check_name(upload.name, "version")
    texts = [text for tag in upload.tags.items() for text in tag]
    if any("\0" in text for text in texts):
        unstorable = Validation(field="tags", detail="A tag contains a character that cannot be stored.")
        raise RequestError(400, "Invalid tags.", validations=[unstorable])
    if not templates.has_file(conn, upload.file_id):
        unknown = Validation(field="file_id", detail="Upload the archive first.")
        raise RequestError(400, "File does not exist.", validations=[unknown])
    if template is not None and template.provisioner is not upload.provisioner:
        message = (
            f"Template {template.name!r} is built by {template.provisioner}, "
            f"not by {upload.provisioner}; choose another name."
        )
        raise RequestError(400, message)


def _unusable(detail: str, *, field: str = "template_version_id") -> RequestError:
    return RequestError(400, detail, validations=[Validation(field=field, detail=detail)])


def _name_taken(conflict: Conflict, message: str) -> Exception:
    if conflict.constraint not in ("uq_templates_name", "uq_template_versions_template_id_name"):
        return conflict
    taken = Validation(field="name", detail="This value is already in use and should be unique.")
    return RequestError(409, message, validations=[taken])


def _values(conn: Connection, known: Template | None, given: Mapping[str, str]) -> dict[str, str]:
    if known is None or known.active_version_id is None:
        return dict(given)
    before = templates.version(conn, known.active_version_id)
    return documents.given_values(before.variables) | dict(given)


def store(conn: Connection, job_id: JobId, imported: Imported) -> None:
    """Write what a successful import found, and make the version active unless a newer one is."""
    version = templates.version_of_job(conn, job_id)
    parsed = imported.parsed
    given = documents.given_values(version.variables)
    agents = [agent for resource in imported.start.resources for agent in resource.agents]
    templates.store_import(
        conn,
        version.id,
        readme=parsed.readme,
        variables=[documents.with_value(variable, given.get(variable.name)) for variable in parsed.variables],
        parameters=[documents.to_document(parameter) for parameter in imported.start.parameters],
        presets=[
            {"id": str(ids.PresetId(new_id())), **documents.to_document(preset)}
            for preset in imported.start.presets
        ],
        about=_about(parsed),
        start_cost=_known_cost(imported.start),
        stop_cost=_known_cost(imported.stop),
        has_external_agent=any(agent.external for agent in agents),
    )
    # Read again, now that its row is held: a template may have been made from it meanwhile.
    stored = templates.version(conn, version.id)
    if stored.template_id is not None:
        templates.activate(conn, stored, unless_newer=True)


def _about(parsed: ParseResult) -> dict[str, object]:
    about: dict[str, object] = {
        "display_name": parsed.display_name,
        "description": parsed.description,
        "icon": parsed.icon,
        "ttl_ms": None if parsed.ttl is None else round(parsed.ttl.total_seconds() * 1000),
    }
    return {name: said for name, said in about.items() if said not in ("", None)}


def _known_cost(plan: PlanResult) -> int | None:
    return None if plan.unknown_costs else plan.cost
