"""Jobs as they are shown: with the worker, the template and the workspace that each belongs to."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import bindparam, func, literal, select

from db.builds import job_from
from db.conditions import among, is_subset
from db.errors import NotFound
from db.records import Job
from db.status_columns import job_status_column
from db.tables import (
    provisioner_daemons,
    provisioner_jobs,
    template_versions,
    templates,
    workspace_builds,
    workspaces,
)

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from sqlalchemy import Select

    from db.ids import (
        BuildId,
        DaemonId,
        JobId,
        OrganizationId,
        TemplateId,
        TemplateVersionId,
        UserId,
        WorkspaceId,
    )
    from db.statements import Row
    from db.states import JobStatus
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class JobDetails:
    """A job with the names it is shown by."""

    job: Job
    worker_name: str | None
    build_id: BuildId | None
    workspace_id: WorkspaceId | None
    workspace_name: str | None
    template_version_id: TemplateVersionId | None
    template_version_name: str | None
    template_id: TemplateId | None
    template_name: str | None
    template_display_name: str | None


@dataclass(frozen=True, kw_only=True)
class JobFilter:
    """Which jobs are wanted; what is ``None``, or no status at all, does not matter."""

    ids: Sequence[JobId] | None = None
    statuses: frozenset[JobStatus] = frozenset()
    tags: Mapping[str, str] | None = None
    """Tags that a job has, whatever others it has."""
    initiator_id: UserId | None = None


_jobs = provisioner_jobs.c
_DETAIL_FIELDS = [name for name in JobDetails.__dataclass_fields__ if name != "job"]
_imported = template_versions.alias("imported_version")
_JOBS = (
    select(
        *(provisioner_jobs.c[name].label(f"job_{name}") for name in Job.__dataclass_fields__),
        provisioner_daemons.c.name.label("worker_name"),
        workspace_builds.c.id.label("build_id"),
        workspaces.c.id.label("workspace_id"),
        workspaces.c.name.label("workspace_name"),
        template_versions.c.id.label("template_version_id"),
        template_versions.c.name.label("template_version_name"),
        templates.c.id.label("template_id"),
        templates.c.name.label("template_name"),
        templates.c.display_name.label("template_display_name"),
    )
    .select_from(provisioner_jobs)
    .outerjoin(provisioner_daemons, provisioner_daemons.c.id == provisioner_jobs.c.worker_id)
    .outerjoin(workspace_builds, workspace_builds.c.job_id == provisioner_jobs.c.id)
    .outerjoin(workspaces, workspaces.c.id == workspace_builds.c.workspace_id)
    .outerjoin(_imported, _imported.c.job_id == provisioner_jobs.c.id)
    .outerjoin(
        template_versions,
        template_versions.c.id == func.coalesce(workspace_builds.c.template_version_id, _imported.c.id),
    )
    .outerjoin(templates, templates.c.id == template_versions.c.template_id)
)
_AMONG = _JOBS.where(among(provisioner_jobs.c.id, "jobs"))
_RUNNING = (
    select(_jobs.worker_id, _jobs.id.label("job_id"))
    .where(among(_jobs.worker_id, "workers"), _jobs.started_at.is_not(None), _jobs.completed_at.is_(None))
    .order_by(_jobs.started_at)
)
_FINISHED = select(
    provisioner_daemons.c.id.label("worker_id"),
    select(_jobs.id)
    .where(_jobs.worker_id == provisioner_daemons.c.id, _jobs.completed_at.is_not(None))
    .order_by(_jobs.completed_at.desc())
    .limit(1)
    .correlate(provisioner_daemons)
    .scalar_subquery()
    .label("job_id"),
).where(among(provisioner_daemons.c.id, "workers"))


def details(conn: Connection, job_ids: Collection[JobId]) -> dict[JobId, JobDetails]:
    """The jobs of these ids, by id; unknown ones are left out."""
    found = [_details_from(row) for row in conn.rows(_AMONG, jobs=job_ids)] if job_ids else []
    return {each.job.id: each for each in found}


def job(conn: Connection, job_id: JobId) -> JobDetails:
    """The job.

    Raises:
        NotFound: no such job.
    """
    found = details(conn, [job_id])
    if not found:
        raise NotFound
    return found[job_id]


def listed(
    conn: Connection, organization_id: OrganizationId, wanted: JobFilter, *, limit: int
) -> list[JobDetails]:
    """The newest jobs of an organization that match, newest first."""
    given: dict[str, object] = {"ids": wanted.ids, "tags": wanted.tags, "initiator": wanted.initiator_id}
    values = {name: value for name, value in given.items() if value is not None}
    statement = _listing(frozenset(values), wanted.statuses)
    rows = conn.rows(statement, organization=organization_id, most=limit, **values)
    return [_details_from(row) for row in rows]


def current_of(conn: Connection, worker_ids: Collection[DaemonId]) -> dict[DaemonId, JobId]:
    """The job that each of these daemons took last of those it runs now."""
    return {row.worker_id: row.job_id for row in conn.rows(_RUNNING, workers=worker_ids)}


def previous_of(conn: Connection, worker_ids: Collection[DaemonId]) -> dict[DaemonId, JobId]:
    """The job that each of these daemons ended last."""
    rows = conn.rows(_FINISHED, workers=worker_ids)
    return {row.worker_id: row.job_id for row in rows if row.job_id is not None}


# Composed of what is asked for, so that each question gets the plan that suits it.
@lru_cache
def _listing(filters: frozenset[str], statuses: frozenset[JobStatus]) -> Select[Any]:
    conditions = {
        "ids": among(_jobs.id, "ids"),
        "tags": is_subset(bindparam("tags", type_=_jobs.tags.type), _jobs.tags),
        "initiator": _jobs.initiator_id == bindparam("initiator"),
    }
    listing = _JOBS.where(
        _jobs.organization_id == bindparam("organization"), *(conditions[name] for name in sorted(filters))
    )
    if statuses:
        wanted = [literal(status.value) for status in sorted(statuses)]
        listing = listing.where(job_status_column().in_(wanted))
    return listing.order_by(_jobs.created_at.desc(), _jobs.id.desc()).limit(bindparam("most"))


def _details_from(row: Row) -> JobDetails:
    values = {name: getattr(row, name) for name in _DETAIL_FIELDS}
    return JobDetails(job=job_from(row), **values)
