"""Workspaces as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.api.models.workspaces import Workspace, WorkspaceHealth
from chattool.api.views import builds
from db import build_details
from db.states import AgentConnection, AgentLifecycle, BuildStatus

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from chattool.api.models.builds import WorkspaceAgent, WorkspaceBuild
    from chattool.api.services import Services
    from db.transactions import Connection
    from db.workspace_details import WorkspaceDetails

_LOST = frozenset({AgentConnection.TIMEOUT, AgentConnection.DISCONNECTED})
_BROKEN = frozenset({AgentLifecycle.START_ERROR, AgentLifecycle.START_TIMEOUT})


def shown(conn: Connection, details: Collection[WorkspaceDetails], services: Services) -> list[Workspace]:
    """The workspaces with their latest builds, in the order given."""
    latest = build_details.details(conn, [each.workspace.latest_build_id for each in details])
    shown_builds = {build.id: build for build in builds.shown(conn, latest.values(), services)}
    return [_workspace(each, shown_builds[each.workspace.latest_build_id]) for each in details]


def _workspace(details: WorkspaceDetails, latest: WorkspaceBuild) -> Workspace:
    workspace = details.workspace
    failing = [agent.id for agent in _agents(latest) if _fails(agent)]
    active = details.template_active_version_id
    return Workspace(
        id=workspace.id,
        created_at=workspace.created_at,
        updated_at=workspace.updated_at,
        owner_id=workspace.owner_id,
        owner_name=workspace.owner_name,
        organization_id=workspace.organization_id,
        organization_name=details.organization_name,
        template_id=workspace.template_id,
        template_name=workspace.template_name,
        template_display_name=details.template_display_name,
        template_icon=details.template_icon,
        template_active_version_id=active,
        template_require_active_version=details.template_require_active_version,
        latest_build=latest,
        outdated=active is not None and active != latest.template_version_id,
        name=workspace.name,
        ttl_ms=workspace.ttl_ms,
        last_used_at=workspace.last_used_at,
        deleted=workspace.deleted,
        health=WorkspaceHealth(healthy=not failing, failing_agents=failing),
    )


def _agents(build: WorkspaceBuild) -> Iterator[WorkspaceAgent]:
    # After a stop, agents that are gone are as they should be.
    if build.status is BuildStatus.RUNNING:
        for resource in build.resources:
            yield from resource.agents or ()


def _fails(agent: WorkspaceAgent) -> bool:
    return agent.status in _LOST or agent.lifecycle_state in _BROKEN
