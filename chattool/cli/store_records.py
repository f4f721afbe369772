"""Rows of the database as commands see them."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from chattool.cli import operations
from db import builds, templates, workspaces
from db.states import JobStatus, ProvisionerType
from provisioner import daemons
from provisioner.provisioners.local_state import StateInvalid, read_state
from provisioner.settings import ProvisionerSettings

if TYPE_CHECKING:
    from pathlib import Path

    from db import records
    from db.ids import WorkspaceId
    from db.transactions import Connection

_DEFAULTS = ProvisionerSettings()


def template(conn: Connection, found: records.Template) -> operations.Template:
    """The template with its active version."""
    version_id = found.active_version_id
    return operations.Template(
        id=found.id,
        name=found.name,
        display_name=found.display_name,
        description=found.description,
        provisioner=found.provisioner,
        active_version_id=version_id,
        default_ttl_ms=found.default_ttl_ms,
        created_at=found.created_at,
        version=None if version_id is None else version(templates.version(conn, version_id)),
    )


def version(found: records.TemplateVersion) -> operations.Version:
    """What the import found."""
    return operations.Version(
        name=found.name,
        readme=found.readme,
        start_cost=found.start_cost,
        stop_cost=found.stop_cost,
        parameters=found.parameters,
        presets=found.presets,
    )


def build(found: records.Build, workspace: records.Workspace) -> operations.Build:
    """The build, without its place in the queue."""
    job = found.job
    return operations.Build(
        id=found.id,
        workspace_id=found.workspace_id,
        workspace_name=f"{workspace.owner_name}/{workspace.name}",
        build_number=found.build_number,
        transition=found.transition,
        planned_cost=found.planned_cost,
        daily_cost=found.daily_cost,
        created_at=found.created_at,
        parameters=found.parameters,
        job=operations.Job(
            status=job.status,
            stage=job.stage,
            error=job.error,
            error_code=job.error_code,
            failure_reason=job.failure_reason,
            started_at=job.started_at,
            completed_at=job.completed_at,
        ),
    )


def queued_build(conn: Connection, found: records.Build) -> operations.Build:
    """The build with its place in the queue while it is pending."""
    shown = build(found, workspaces.workspace(conn, found.workspace_id))
    if found.job.status is not JobStatus.PENDING:
        return shown
    place = daemons.queue_state(conn, found.job, offline=_DEFAULTS.daemon_offline)
    queue = operations.Queue(position=place.position, size=place.size, available=place.available)
    return replace(shown, queue=queue)


def workspace(
    conn: Connection, found: records.Workspace, charged: dict[WorkspaceId, int]
) -> operations.Workspace:
    """The workspace with its latest build."""
    return operations.Workspace(
        id=found.id,
        owner_name=found.owner_name,
        name=found.name,
        template_id=found.template_id,
        template_name=found.template_name,
        deleted=found.deleted,
        ttl_ms=found.ttl_ms,
        created_at=found.created_at,
        latest=build(builds.build(conn, found.latest_build_id), found),
        credits=charged.get(found.id, 0),
    )


def local_directory(conn: Connection, found: records.Build) -> Path | None:
    """Where a local workspace's files are, as its build left them."""
    if found.job.provisioner is not ProvisionerType.LOCAL:
        return None
    try:
        state = read_state(builds.state(conn, found.id))
    except StateInvalid:
        return None
    return None if state is None else state.directory
