"""A server's answers as commands see them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.cli import operations
from chattool.errors import UnexpectedJobStatus
from chattool.http_backend import records
from db import ids, tokens
from db import records as rows
from db.states import JobStatus
from provisioner import documents, protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.http_backend import shapes
    from db.ids import OrganizationId


def template(found: shapes.Template, version: operations.Version | None) -> operations.Template:
    """The template with its active version."""
    version_id = found.active_version_id
    return operations.Template(
        id=ids.TemplateId(found.id),
        name=found.name,
        display_name=found.display_name,
        description=found.description,
        provisioner=found.provisioner,
        active_version_id=None if version_id is None else ids.TemplateVersionId(version_id),
        default_ttl_ms=found.default_ttl_ms,
        created_at=found.created_at,
        version=version,
    )


def version(
    found: shapes.TemplateVersion,
    parameters: Sequence[shapes.Parameter] = (),
    presets: Sequence[shapes.Preset] = (),
) -> operations.Version:
    """What the import found."""
    return operations.Version(
        name=found.name,
        readme=found.readme,
        start_cost=found.start_cost,
        stop_cost=found.stop_cost,
        parameters=[documents.to_document(records.parameter(each)) for each in parameters],
        presets=[_preset(each) for each in presets],
    )


def build(found: shapes.Build, parameters: Sequence[shapes.NameValue] = ()) -> operations.Build:
    """The build with its place in the queue while it is pending.

    Raises:
        UnexpectedJobStatus: the server knows more statuses.
    """
    job = found.job
    status = _status(job.status)
    return operations.Build(
        id=ids.BuildId(found.id),
        workspace_id=ids.WorkspaceId(found.workspace_id),
        workspace_name=f"{found.workspace_owner_name}/{found.workspace_name}",
        build_number=found.build_number,
        transition=found.transition,
        planned_cost=found.planned_cost,
        daily_cost=found.daily_cost,
        created_at=found.created_at,
        parameters={each.name: each.value for each in parameters},
        queue=_queue(found) if status is JobStatus.PENDING else None,
        job=operations.Job(
            status=status,
            stage=job.stage or None,
            error=job.error or None,
            error_code=job.error_code or None,
            failure_reason=job.failure_reason or None,
            started_at=job.started_at,
            completed_at=job.completed_at,
        ),
    )


def workspace(found: shapes.Workspace, charged: Mapping[ids.WorkspaceId, int]) -> operations.Workspace:
    """The workspace; where nobody tells its charge, what its latest build costs stands for it."""
    workspace_id = ids.WorkspaceId(found.id)
    return operations.Workspace(
        id=workspace_id,
        owner_name=found.owner_name,
        name=found.name,
        template_id=ids.TemplateId(found.template_id),
        template_name=found.template_name,
        deleted=found.deleted,
        ttl_ms=found.ttl_ms,
        created_at=found.created_at,
        latest=build(found.latest_build),
        credits=charged.get(workspace_id, found.latest_build.daily_cost),
    )


def agent(found: shapes.Agent) -> operations.Agent:
    """An agent and what it last reported."""
    return operations.Agent(
        id=ids.AgentId(found.id),
        name=found.name,
        connection=records.connection(found),
        lifecycle_state=found.lifecycle_state,
        last_connected_at=found.last_connected_at,
    )


def log_line(found: shapes.JobLog) -> rows.JobLog:
    """A line of a build's log."""
    return rows.JobLog(
        id=found.id,
        created_at=found.created_at,
        source=found.log_source,
        level=found.log_level,
        stage=found.stage,
        output=found.output,
    )


def group(found: shapes.Group) -> rows.Group:
    """A group."""
    return rows.Group(
        id=ids.GroupId(found.id),
        organization_id=ids.OrganizationId(found.organization_id),
        name=found.name,
        display_name=found.display_name,
        quota_allowance=found.quota_allowance,
    )


def user(found: shapes.User) -> rows.User:
    """A user."""
    return rows.User(
        id=ids.UserId(found.id),
        username=found.username,
        email=found.email,
        status=found.status,
        roles=[role.name for role in found.roles],
        deleted=False,
    )


def token(found: shapes.Token) -> tokens.Token:
    """A token without its secret."""
    return tokens.Token(
        id=ids.TokenId(found.id),
        user_id=ids.UserId(found.user_id),
        name=found.token_name,
        scope=found.scope,
        created_at=found.created_at,
        expires_at=found.expires_at,
        last_used_at=found.last_used,
    )


def key(found: shapes.ProvisionerKey, organization_id: OrganizationId) -> rows.ProvisionerKey:
    """A key of remote daemons."""
    return rows.ProvisionerKey(
        id=ids.ProvisionerKeyId(found.id),
        organization_id=organization_id,
        name=found.name,
        tags=found.tags,
        created_at=found.created_at,
        revoked_at=found.revoked_at,
    )


def _preset(found: shapes.Preset) -> dict[str, object]:
    preset = protocol.Preset(
        name=found.name,
        parameters={each.name: each.value for each in found.parameters},
        default=found.default,
        description=found.description,
        icon=found.icon,
    )
    return {"id": str(found.id), **documents.to_document(preset)}


def _queue(found: shapes.Build) -> operations.Queue:
    matched = found.matched_provisioners
    # A server that does not say who could take the build is not taken for one without daemons.
    available = 1 if matched is None else matched.available
    return operations.Queue(position=found.job.queue_position, size=found.job.queue_size, available=available)


def _status(text: str) -> JobStatus:
    try:
        return JobStatus(text)
    except ValueError:
        raise UnexpectedJobStatus(text) from None
