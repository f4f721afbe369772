"""Template versions: uploading one, and storing what its import found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update

from db import ids, names, templates
from db.errors import RequestError, Validation
from db.ids import new_id
from db.states import JobType, ProvisionerType
from db.tables import provisioner_jobs
from provisioner import documents, queue, tags

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.ids import JobId, OrganizationId, TemplateVersionId, UserId
    from db.records import Template
    from db.transactions import Connection
    from provisioner.jobs import Imported
    from provisioner.protocol import PlanResult

_SET_INPUT = (
    update(provisioner_jobs)
    .where(provisioner_jobs.c.id == bindparam("job"))
    .values(input=bindparam("job_input"))
)


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
    if not names.is_valid(name):
        rule = Validation(field="name", detail=f"A name has {names.RULE}.")
        raise RequestError(400, f"Invalid template name {name!r}.", validations=[rule])
    if any("\0" in text for tag in (version_tags or {}).items() for text in tag):
        unstorable = Validation(field="tags", detail="A tag contains a character that cannot be stored.")
        raise RequestError(400, "Invalid tags.", validations=[unstorable])
    known = templates.by_name(conn, organization_id, name)
    if known is not None and known.provisioner is not provisioner:
        message = (
            f"Template {name!r} is built by {known.provisioner}, not by {provisioner}; choose another name."
        )
        raise RequestError(400, message)
    template_id = (
        known.id
        if known is not None
        else templates.create(
            conn, organization_id=organization_id, name=name, provisioner=provisioner, created_by=initiator_id
        )
    )
    job_id = queue.post(
        conn,
        job_type=JobType.TEMPLATE_VERSION_IMPORT,
        organization_id=organization_id,
        initiator_id=initiator_id,
        provisioner=provisioner,
        file_id=templates.store_file(conn, archive),
        job_input={},
        job_tags=tags.job_tags(version_tags or {}, initiator_id),
    )
    version_id = templates.create_version(
        conn,
        organization_id=organization_id,
        template_id=template_id,
        name=f"v-{new_id().hex[:8]}",
        message=message,
        variables=[documents.given_value(*given) for given in _values(conn, known, variables or {}).items()],
        job_id=job_id,
        created_by=initiator_id,
    )
    conn.run(_SET_INPUT, job=job_id, job_input={"template_version_id": str(version_id)})
    return version_id, job_id


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
        start_cost=_known_cost(imported.start),
        stop_cost=_known_cost(imported.stop),
        has_external_agent=any(agent.external for agent in agents),
    )
    if version.template_id is not None:
        templates.activate(
            conn,
            version.template_id,
            version.id,
            display_name=parsed.display_name,
            description=parsed.description,
            icon=parsed.icon,
            default_ttl_ms=round(parsed.ttl.total_seconds() * 1000) if parsed.ttl else 0,
        )


def _known_cost(plan: PlanResult) -> int | None:
    return None if plan.unknown_costs else plan.cost
