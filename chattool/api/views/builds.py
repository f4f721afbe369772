"""Builds as the API shows them, with what they made."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.api.models.builds import (
    WorkspaceAgent,
    WorkspaceBuild,
    WorkspaceResource,
    WorkspaceResourceMetadata,
)
from chattool.api.views.jobs import JobView
from db import jobs, resources

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from chattool.api.services import Services
    from db.build_details import BuildDetails
    from db.ids import JobId, ResourceId
    from db.records import Agent
    from db.resources import Resource
    from db.transactions import Connection


def shown(conn: Connection, details: Collection[BuildDetails], services: Services) -> list[WorkspaceBuild]:
    """The builds with jobs, resources and agents: five statements, however many builds there are."""
    job_ids = [each.build.job.id for each in details]
    view = JobView(conn, jobs.details(conn, job_ids).values(), services)
    made = resources.of_jobs(conn, job_ids)
    agents = resources.agents_of_builds(conn, [each.build.id for each in details])
    return [
        _build(each, view, _resources(conn.now, made.get(each.build.job.id, ()), agents, services))
        for each in details
    ]


def shown_resources(conn: Connection, details: BuildDetails, services: Services) -> list[WorkspaceResource]:
    """What one build made."""
    made = resources.of_jobs(conn, [details.build.job.id]).get(details.build.job.id, [])
    agents = resources.agents_of_builds(conn, [details.build.id])
    return _resources(conn.now, made, agents, services)


def shown_plan(conn: Connection, job_id: JobId, services: Services) -> list[WorkspaceResource]:
    """What an import found that workspaces would consist of."""
    return _resources(conn.now, resources.of_jobs(conn, [job_id]).get(job_id, []), {}, services)


def shown_agent(now: datetime, agent: Agent, services: Services) -> WorkspaceAgent:
    """An agent and what it last reported, judged at ``now``."""
    return WorkspaceAgent(
        id=agent.id,
        parent_id=agent.parent_id,
        created_at=agent.created_at,
        updated_at=agent.updated_at,
        first_connected_at=agent.first_connected_at,
        last_connected_at=agent.last_connected_at,
        disconnected_at=agent.disconnected_at,
        status=agent.connection(now, services.tool_settings.agent_inactive_timeout),
        lifecycle_state=agent.lifecycle_state,
        name=agent.name,
        resource_id=agent.resource_id,
        workspace_id=agent.workspace_id,
        connection_timeout_seconds=agent.connection_timeout_seconds,
        troubleshooting_url=agent.troubleshooting_url or None,
        display_order=agent.display_order,
        external=agent.external,
    )


def _build(details: BuildDetails, view: JobView, made: list[WorkspaceResource]) -> WorkspaceBuild:
    build = details.build
    return WorkspaceBuild(
        id=build.id,
        created_at=build.created_at,
        updated_at=build.updated_at,
        workspace_id=build.workspace_id,
        workspace_name=details.workspace_name,
        workspace_owner_id=details.owner_id,
        workspace_owner_name=details.owner_name,
        template_version_id=build.template_version_id,
        template_version_name=details.template_version_name,
        build_number=build.build_number,
        transition=build.transition,
        initiator_id=build.initiator_id,
        initiator_name=details.initiator_name,
        job=view.job(build.job.id),
        reason=build.reason,
        resources=made,
        deadline=build.deadline,
        status=build.status,
        daily_cost=build.daily_cost,
        planned_cost=build.planned_cost,
        matched_provisioners=view.matched(build.job.id),
        template_version_preset_id=build.preset_id,
    )


def _resources(
    now: datetime,
    made: Sequence[Resource],
    agents: Mapping[ResourceId, Sequence[Agent]],
    services: Services,
) -> list[WorkspaceResource]:
    return [
        WorkspaceResource(
            id=each.id,
            created_at=each.created_at,
            job_id=each.job_id,
            workspace_transition=each.transition,
            type=each.type,
            name=each.name,
            hide=each.hide,
            icon=each.icon,
            agents=[shown_agent(now, agent, services) for agent in agents.get(each.id, ())] or None,
            metadata=[_fact(fact) for fact in each.metadata] or None,
            daily_cost=each.daily_cost,
        )
        for each in made
    ]


def _fact(fact: Mapping[str, object]) -> WorkspaceResourceMetadata:
    sensitive = bool(fact.get("sensitive"))
    value = "" if sensitive else str(fact.get("value", ""))
    return WorkspaceResourceMetadata(key=str(fact.get("key", "")), value=value, sensitive=sensitive)
