"""What ends together with the job of a build: the build, its workspace's charge, resources and agents."""

from __future__ import annotations

from dataclasses import asdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, update

from db import ids, workspaces
from db.bearer_secrets import digest
from db.row_lists import insert_rows
from db.states import JobStatus, Transition
from db.tables import workspace_agents, workspace_builds, workspace_resources
from db.transactions import Writes
from quota import ledger

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from db.ids import JobId, ResourceId
    from db.statements import Row
    from db.transactions import Connection
    from provisioner.jobs import Outcome
    from provisioner.protocol import Resource

_END_BUILD = (
    update(workspace_builds)
    .where(workspace_builds.c.id == bindparam("build"))
    .values(deadline=bindparam("new_deadline"), updated_at=bindparam("now"))
)
_END_BUILD_WITH_STATE = _END_BUILD.values(state=bindparam("new_state"))
_CLOSE_OLDER_AGENTS = (
    update(workspace_agents)
    .where(
        workspace_agents.c.workspace_id == bindparam("workspace"),
        workspace_agents.c.build_id != bindparam("build"),
        ~workspace_agents.c.deleted,
    )
    .values(deleted=True, updated_at=bindparam("now"))
)
_INSERT_RESOURCES = insert_rows(
    workspace_resources,
    "id",
    "job_id",
    "created_at",
    "transition",
    "type",
    "name",
    "hide",
    "icon",
    "daily_cost",
    "metadata",
)
_INSERT_AGENTS = insert_rows(
    workspace_agents,
    "id",
    "resource_id",
    "workspace_id",
    "build_id",
    "parent_id",
    "name",
    "display_order",
    "auth_token_hash",
    "startup_script",
    "connection_timeout_seconds",
    "troubleshooting_url",
    "external",
    "created_at",
    "updated_at",
)


def writes(conn: Connection, job_id: JobId, build: Row, outcome: Outcome) -> Writes:
    """End a build. ``build`` has its columns, those of its workspace and ``committed_at`` of its job."""
    transition = Transition(build.transition)
    succeeded = outcome.status is JobStatus.SUCCEEDED
    ended = _end(conn, build, outcome) + ledger.settlement(
        build.workspace_id,
        outcome.status,
        transition,
        committed=build.committed_at is not None,
        cost=build.daily_cost,
    )
    if (succeeded or outcome.applied) and build.build_number > 1:
        ended += Writes(_CLOSE_OLDER_AGENTS, workspace=build.workspace_id)
    if succeeded and transition is Transition.DELETE:
        ended += workspaces.deletion(build.workspace_id, conn.now)
    return ended + _made(conn, job_id, build, outcome)


def _end(conn: Connection, build: Row, outcome: Outcome) -> Writes:
    runs = outcome.status is JobStatus.SUCCEEDED and build.transition == Transition.START
    values = {
        "build": build.build_id,
        "new_deadline": _deadline(conn, build) if runs else None,
        "now": conn.now,
    }
    if outcome.state is None:
        return Writes(_END_BUILD, **values)
    return Writes(_END_BUILD_WITH_STATE, **values, new_state=outcome.state)


def _deadline(conn: Connection, build: Row) -> datetime | None:
    ttl = timedelta(milliseconds=build.default_ttl_ms if build.ttl_ms is None else build.ttl_ms)
    return conn.now + ttl if ttl else None


def _made(conn: Connection, job_id: JobId, build: Row, outcome: Outcome) -> Writes:
    """Keep what the apply has made."""
    resources: list[dict[str, object]] = []
    with_agents: list[dict[str, object]] = []
    for resource in outcome.resources:
        resource_id = ids.ResourceId(ids.new_id())
        resources.append(_resource(conn, resource_id, job_id, build.transition, resource))
        with_agents += _agents(conn, resource_id, resource, build, outcome.agent_token)
    made = Writes(_INSERT_RESOURCES, workspace_resources=resources) if resources else Writes()
    return made + Writes(_INSERT_AGENTS, workspace_agents=with_agents) if with_agents else made


def planned(conn: Connection, job_id: JobId, plans: Mapping[Transition, Sequence[Resource]]) -> Writes:
    """Keep what an import found that each transition would make; there are no agents of it yet."""
    resources = [
        _resource(conn, ids.ResourceId(ids.new_id()), job_id, transition.value, resource)
        for transition, planned_resources in plans.items()
        for resource in planned_resources
    ]
    return Writes(_INSERT_RESOURCES, workspace_resources=resources) if resources else Writes()


def _resource(
    conn: Connection, resource_id: ResourceId, job_id: JobId, transition: str, resource: Resource
) -> dict[str, object]:
    return {
        "id": resource_id,
        "job_id": job_id,
        "created_at": conn.now,
        "transition": transition,
        "type": resource.type,
        "name": resource.name,
        "hide": resource.hide,
        "icon": resource.icon,
        "daily_cost": resource.daily_cost,
        "metadata": [asdict(item) for item in resource.metadata],
    }


def _agents(
    conn: Connection, resource_id: ResourceId, resource: Resource, build: Row, shared_token: str
) -> Iterator[dict[str, object]]:
    agent_ids = {agent.name: ids.AgentId(ids.new_id()) for agent in resource.agents}
    for agent in resource.agents:
        token = agent.token or shared_token
        yield {
            "id": agent_ids[agent.name],
            "resource_id": resource_id,
            "workspace_id": build.workspace_id,
            "build_id": build.build_id,
            "parent_id": agent_ids.get(agent.parent),
            "name": agent.name,
            "display_order": agent.order,
            "auth_token_hash": digest(token) if token else None,
            "startup_script": agent.startup_script,
            "connection_timeout_seconds": int(agent.connection_timeout.total_seconds()),
            "troubleshooting_url": agent.troubleshooting_url,
            "external": agent.external,
            "created_at": conn.now,
            "updated_at": conn.now,
        }
