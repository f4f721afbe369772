"""Our rows as the records that tools see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool import backend
from db import builds, templates
from db.errors import NotFound, RequestError
from db.states import JobStatus
from provisioner import daemons

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db import records
    from db.ids import BuildId, TemplateId, TemplateVersionId
    from db.transactions import Connection
    from provisioner.daemons import QueueState
    from provisioner.settings import ProvisionerSettings


def build(conn: Connection, build_id: BuildId, settings: ProvisionerSettings) -> backend.Build:
    """The build with its job, and its place in line while it waits."""
    (found,) = _placed(conn, [builds.build(conn, build_id)], settings).values()
    return found


def builds_by_id(
    conn: Connection, build_ids: Sequence[BuildId], settings: ProvisionerSettings
) -> dict[BuildId, backend.Build]:
    """Those of the builds that exist, as ``build`` answers them; three statements, however many there are."""
    return _placed(conn, builds.among_ids(conn, build_ids), settings)


def _placed(
    conn: Connection, found: Sequence[records.Build], settings: ProvisionerSettings
) -> dict[BuildId, backend.Build]:
    pending = [each.job for each in found if each.job.status is JobStatus.PENDING]
    places = daemons.queue_states(conn, pending, offline=settings.daemon_offline) if pending else {}
    return {each.id: _build(each, places.get(each.job.id)) for each in found}


def _build(found: records.Build, place: QueueState | None) -> backend.Build:
    job = found.job
    return backend.Build(
        id=found.id,
        workspace_id=found.workspace_id,
        build_number=found.build_number,
        transition=found.transition,
        template_version_id=found.template_version_id,
        planned_cost=found.planned_cost,
        job=backend.Job(
            id=job.id,
            status=job.status,
            error=job.error or "",
            error_code=job.error_code or "",
            failure_reason=job.failure_reason or "",
            failure_detail=job.failure_detail,
            retryable=job.retryable,
            stage=job.stage or "",
            queue_position=0 if place is None else place.position,
            queue_size=0 if place is None else place.size,
            matched_provisioners=None if place is None else place.available,
        ),
    )


def log_line(line: records.JobLog) -> backend.LogLine:
    """A line of a build's log."""
    return backend.LogLine(
        id=line.id, level=line.level, stage=line.stage, output=line.output, created_at=line.created_at
    )


def template(conn: Connection, template_id: TemplateId) -> backend.Template:
    """The template. While its first version imports, that one counts as active.

    Raises:
        NotFound: no such template, or it was deleted.
        RequestError: 400, none of its versions can be used.
    """
    found = templates.template(conn, template_id)
    if found.deleted:
        raise NotFound
    version_id = found.active_version_id or _importing_version(conn, template_id)
    if version_id is None:
        raise RequestError(400, f"template {found.name!r} has no version that was imported successfully")
    return template_record(found, version_id)


def template_record(found: records.Template, version_id: TemplateVersionId) -> backend.Template:
    """The template with the version that counts as its active one."""
    return backend.Template(
        id=found.id,
        organization_id=found.organization_id,
        name=found.name,
        active_version_id=version_id,
        display_name=found.display_name,
        description=found.description,
        deprecated=bool(found.deprecated),
    )


def template_version(conn: Connection, version_id: TemplateVersionId) -> backend.TemplateVersion:
    """The version, with what its import found so far."""
    found = templates.version(conn, version_id)
    return backend.TemplateVersion(
        id=found.id,
        has_external_agent=found.has_external_agent,
        organization_id=found.organization_id,
        template_id=found.template_id,
        importing=templates.import_job(conn, version_id).status.active,
        readme=found.readme,
        start_cost=found.start_cost,
        stop_cost=found.stop_cost,
    )


def _importing_version(conn: Connection, template_id: TemplateId) -> TemplateVersionId | None:
    newest = templates.versions(conn, template_id, limit=1)
    if newest and templates.import_job(conn, newest[0].id).status.active:
        return newest[0].id
    return None
