"""Template versions: uploading one, and storing what its import found."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update

from db import builds, ids, templates
from db.errors import Conflict, RequestError, Validation
from db.ids import new_id
from db.states import JobType, ProvisionerType, Transition
from db.tables import provisioner_jobs
from provisioner import build_end, documents, queue, tags, template_settings

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.ids import FileId, JobId, OrganizationId, TemplateVersionId, UserId
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
    ``variables`` are values for template variables; one that is not given keeps its value of before. Without
    ``version_tags``, the tags stay what they were.

    Raises:
        RequestError: 400 for a bad name, bad tags, or a template of another provisioner.
    """
    template_settings.check_name(name, "template")
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
        tags=_tags(conn, template) if version_tags is None else version_tags,
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
                documents.given_value(*given, conn.secrets)
                for given in _values(conn, template, upload.variables).items()
            ],
            job_id=job_id,
            created_by=initiator_id,
        )
    except Conflict as conflict:
        raise template_settings.name_taken(conflict, f"Template version {upload.name!r}") from conflict
    conn.run(_SET_INPUT, job=job_id, job_input={"template_version_id": str(version_id)})
    return version_id, job_id


def _check_upload(conn: Connection, upload: Upload, template: Template | None) -> None:
    if upload.name:
        template_settings.check_name(upload.name, "version")
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


def _tags(conn: Connection, known: Template | None) -> dict[str, str]:
    if known is None or known.active_version_id is None:
        return {}
    before = builds.job(conn, templates.version(conn, known.active_version_id).job_id).tags
    return {name: value for name, value in before.items() if name != "owner"}


def _values(conn: Connection, known: Template | None, given: Mapping[str, str]) -> dict[str, str]:
    if known is None or known.active_version_id is None:
        return dict(given)
    before = templates.version(conn, known.active_version_id)
    return documents.given_values(before.variables, conn.secrets) | dict(given)


def store(conn: Connection, job_id: JobId, imported: Imported) -> None:
    """Write what a successful import found, and make the version active unless a newer one is."""
    version = templates.version_of_job(conn, job_id)
    parsed = imported.parsed
    given = documents.given_values(version.variables, conn.secrets)
    agents = [agent for resource in imported.start.resources for agent in resource.agents]
    templates.store_import(
        conn,
        version.id,
        readme=parsed.readme,
        variables=[
            documents.with_value(variable, given.get(variable.name), conn.secrets)
            for variable in parsed.variables
        ],
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
    plans = {
        Transition.START: imported.start.resources,
        Transition.STOP: imported.stop.resources,
    }
    conn.run_all(build_end.planned(conn, job_id, plans))
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
