"""A server's answers as the records that tools see."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool import backend, inspection_backend
from db import ids
from db.errors import RequestError
from db.records import TemplateUsage
from db.states import AgentConnection, JobStatus
from provisioner import protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.http_backend import shapes
    from chattool.inspection_backend import Preset


def workspace(found: shapes.Workspace) -> backend.Workspace:
    """A workspace with the id of its latest build."""
    return backend.Workspace(
        id=ids.WorkspaceId(found.id),
        name=found.name,
        owner_id=ids.UserId(found.owner_id),
        owner_name=found.owner_name,
        organization_id=ids.OrganizationId(found.organization_id),
        template_id=ids.TemplateId(found.template_id),
        template_name=found.template_name,
        deleted=found.deleted,
        latest_build_id=ids.BuildId(found.latest_build.id),
    )


def build(found: shapes.Build) -> backend.Build:
    """A build with its job."""
    job, matched = found.job, found.matched_provisioners
    is_pending = job.status == JobStatus.PENDING
    return backend.Build(
        id=ids.BuildId(found.id),
        workspace_id=ids.WorkspaceId(found.workspace_id),
        build_number=found.build_number,
        transition=found.transition,
        template_version_id=ids.TemplateVersionId(found.template_version_id),
        planned_cost=found.planned_cost,
        job=backend.Job(
            id=ids.JobId(job.id),
            status=job.status,
            error=job.error,
            error_code=job.error_code,
            failure_reason=job.failure_reason,
            failure_detail=job.failure_detail,
            retryable=job.retryable,
            stage=job.stage,
            queue_position=job.queue_position if is_pending else 0,
            queue_size=job.queue_size if is_pending else 0,
            matched_provisioners=matched.available if matched is not None and is_pending else None,
        ),
    )


def agents_of(found: shapes.Build) -> Sequence[shapes.Agent]:
    """The agents that a build made, in the order in which they are shown."""
    made = [agent for resource in found.resources for agent in resource.agents]
    return sorted(made, key=lambda agent: (agent.display_order, agent.name))


def agent(found: shapes.Agent) -> backend.Agent:
    """An agent and what it last reported."""
    return backend.Agent(
        id=ids.AgentId(found.id),
        name=found.name,
        parent_id=None if found.parent_id is None else ids.AgentId(found.parent_id),
        display_order=found.display_order,
        connection=connection(found),
        lifecycle_state=found.lifecycle_state,
        ever_connected=found.first_connected_at is not None,
        external=found.external,
    )


def connection(found: shapes.Agent) -> AgentConnection:
    """Whether the agent is in contact; a word that we do not know is none."""
    try:
        return AgentConnection(found.status)
    except ValueError:
        return AgentConnection.DISCONNECTED


def template(found: shapes.Template) -> backend.Template:
    """A template.

    Raises:
        RequestError: 400, none of its versions can be used.
    """
    if found.active_version_id is None:
        raise RequestError(400, f"template {found.name!r} has no version that was imported successfully")
    return backend.Template(
        id=ids.TemplateId(found.id),
        organization_id=ids.OrganizationId(found.organization_id),
        name=found.name,
        active_version_id=ids.TemplateVersionId(found.active_version_id),
        display_name=found.display_name,
        description=found.description,
        deprecated=found.deprecated,
    )


def template_version(found: shapes.TemplateVersion) -> backend.TemplateVersion:
    """A version, with what its import found so far."""
    organization_id, template_id = found.organization_id, found.template_id
    return backend.TemplateVersion(
        id=ids.TemplateVersionId(found.id),
        has_external_agent=found.has_external_agent,
        organization_id=None if organization_id is None else ids.OrganizationId(organization_id),
        template_id=None if template_id is None else ids.TemplateId(template_id),
        importing=is_active(found.job.status),
        readme=found.readme,
        start_cost=found.start_cost,
        stop_cost=found.stop_cost,
    )


def is_active(status: str) -> bool:
    """Whether a job of this status has not ended; one that we do not know has."""
    return status in set(JobStatus) and JobStatus(status).active


def parameter(found: shapes.Parameter) -> protocol.Parameter:
    """A parameter of a template version."""
    return protocol.Parameter(
        name=found.name,
        type=found.type,
        display_name=found.display_name,
        description=found.description,
        icon=found.icon,
        default=None if found.required else found.default_value,
        mutable=found.mutable,
        ephemeral=found.ephemeral,
        form_type=found.form_type,
        options=tuple(
            protocol.ParameterOption(
                name=each.name,
                value=each.value,
                description=each.description,
                icon=each.icon,
                cost=each.cost,
            )
            for each in found.options
        ),
        validation_regex=found.validation_regex,
        validation_error=found.validation_error,
        validation_min=found.validation_min,
        validation_max=found.validation_max,
        validation_monotonic=found.validation_monotonic,
    )


def preset(found: shapes.Preset) -> Preset:
    """A preset without its values."""
    return inspection_backend.Preset(
        id=ids.PresetId(found.id),
        name=found.name,
        default=found.default,
        description=found.description,
        icon=found.icon,
    )


def usage(found: shapes.Usage) -> TemplateUsage:
    """How a template is used."""
    return TemplateUsage(
        active=found.active,
        removed=found.removed,
        last_used_at=found.last_used_at,
        developers=found.developers,
    )


def build_line(found: shapes.JobLog) -> backend.LogLine:
    """A line of a build's log."""
    return backend.LogLine(
        id=found.id,
        level=found.log_level,
        stage=found.stage,
        output=found.output,
        created_at=found.created_at,
    )


def agent_line(found: shapes.AgentLog) -> backend.LogLine:
    """A line of an agent's log, which has no stages."""
    return backend.LogLine(
        id=found.id, level=found.level, stage="", output=found.output, created_at=found.created_at
    )


def chat(found: shapes.Chat) -> backend.Chat:
    """A chat with what it is bound to."""
    return backend.Chat(
        id=ids.ChatId(found.id),
        owner_id=ids.UserId(found.owner_id),
        organization_id=ids.OrganizationId(found.organization_id),
        workspace_id=None if found.workspace_id is None else ids.WorkspaceId(found.workspace_id),
        build_id=None if found.build_id is None else ids.BuildId(found.build_id),
        agent_id=None if found.agent_id is None else ids.AgentId(found.agent_id),
    )


def tool_call(found: shapes.ToolCall) -> backend.ToolCall:
    """The record of a tool call."""
    return backend.ToolCall(
        tool=found.tool,
        request_hash=found.request_hash,
        workspace_id=None if found.workspace_id is None else ids.WorkspaceId(found.workspace_id),
        build_id=None if found.build_id is None else ids.BuildId(found.build_id),
        answer=found.answer,
    )
