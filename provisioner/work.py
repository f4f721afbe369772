"""What a claimed job needs to run, read from the database after the claim."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, select

from db import users as user_reads
from db.errors import NotFound, StoreError, StoreUnavailable
from db.states import JobType, LogLevel, Transition
from db.tables import provisioner_jobs, template_versions, templates, users, workspace_builds, workspaces
from provisioner import documents
from provisioner.jobs import BuildWork, ImportWork
from provisioner.protocol import WorkspaceMetadata

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from uuid import UUID

    from db.ids import JobId
    from db.statements import Row
    from db.transactions import Connection
    from provisioner.jobs import Claim

_previous = workspace_builds.alias("previous_build")
_BUILD = (
    select(
        workspace_builds.c.id.label("build_id"),
        workspace_builds.c.build_number,
        workspace_builds.c.transition,
        workspace_builds.c.state,
        workspace_builds.c.parameters,
        workspace_builds.c.preset_id,
        _previous.c.parameters.label("previous_parameters"),
        workspaces.c.id.label("workspace_id"),
        workspaces.c.name.label("workspace_name"),
        workspaces.c.organization_id,
        users.c.id.label("owner_id"),
        users.c.username.label("owner_name"),
        users.c.email.label("owner_email"),
        templates.c.id.label("template_id"),
        templates.c.name.label("template_name"),
        template_versions.c.id.label("template_version_id"),
        template_versions.c.name.label("template_version_name"),
        template_versions.c.variables,
        template_versions.c.presets,
        provisioner_jobs.c.input,
    )
    .join(provisioner_jobs, provisioner_jobs.c.id == workspace_builds.c.job_id)
    .join(workspaces, workspaces.c.id == workspace_builds.c.workspace_id)
    .join(users, users.c.id == workspaces.c.owner_id)
    .join(template_versions, template_versions.c.id == workspace_builds.c.template_version_id)
    .join(templates, templates.c.id == workspaces.c.template_id)
    .outerjoin(
        _previous,
        and_(
            _previous.c.workspace_id == workspace_builds.c.workspace_id,
            _previous.c.build_number == workspace_builds.c.build_number - 1,
        ),
    )
    .where(workspace_builds.c.job_id == bindparam("job"))
)
_IMPORT = (
    select(
        template_versions.c.id,
        template_versions.c.template_id,
        template_versions.c.variables,
        provisioner_jobs.c.initiator_id,
    )
    .join(provisioner_jobs, provisioner_jobs.c.id == template_versions.c.job_id)
    .where(template_versions.c.job_id == bindparam("job"))
)


def with_work(conn: Connection, claim: Claim) -> Claim:
    """The claim together with what the job needs, unless that is gone or cannot be read now.

    The claim stands even then: its runner asks again, and the job ends with what is wrong.
    """
    try:
        return replace(claim, work=work(conn, claim))
    except StoreUnavailable:
        raise  # no answer can be relied on, so the daemon repeats its request
    except (NotFound, StoreError):
        return claim


def work(conn: Connection, claim: Claim) -> BuildWork | ImportWork:
    """What the claimed job needs.

    Raises:
        NotFound: a row it depends on is gone; the text says which.
    """
    job_id = claim.fence.job_id
    return build_work(conn, job_id) if claim.type is JobType.WORKSPACE_BUILD else _import_work(conn, job_id)


def build_work(conn: Connection, job_id: JobId) -> BuildWork:
    """What the build of that job needs.

    Raises:
        NotFound: a row it depends on is gone; the text says which.
    """
    row = conn.first(_BUILD, job=job_id)
    if row is None:
        message = "get workspace: the build, or what it belongs to, is gone"
        raise NotFound(message)
    groups = user_reads.groups_of_user(conn, row.owner_id, row.organization_id)
    return BuildWork(
        metadata=WorkspaceMetadata(
            workspace_id=row.workspace_id,
            workspace_name=row.workspace_name,
            owner_id=row.owner_id,
            owner_name=row.owner_name,
            owner_email=row.owner_email,
            owner_groups=tuple(group.name for group in groups),
            build_id=row.build_id,
            template_id=row.template_id,
            template_name=row.template_name,
            template_version_id=row.template_version_id,
            template_version_name=row.template_version_name,
        ),
        transition=Transition(row.transition),
        build_number=row.build_number,
        state=bytes(row.state),
        parameters=row.parameters,
        previous_parameters=row.previous_parameters or {},
        variables=documents.variable_values(row.variables, conn.secrets),
        preset=_preset_name(row.presets, row.preset_id),
        log_level=LogLevel(row.input.get("log_level", LogLevel.INFO)),
    )


def _import_work(conn: Connection, job_id: JobId) -> ImportWork:
    row: Row | None = conn.first(_IMPORT, job=job_id)
    if row is None:
        message = "get template version: it is gone"
        raise NotFound(message)
    return ImportWork(
        template_id=row.template_id,
        template_version_id=row.id,
        initiator_id=row.initiator_id,
        variables=documents.variable_values(row.variables, conn.secrets),
    )


def _preset_name(presets: Iterable[Mapping[str, object]], preset_id: UUID | None) -> str:
    return next((str(preset["name"]) for preset in presets if preset["id"] == str(preset_id)), "")
