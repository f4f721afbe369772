"""What builds made: workspace resources and the agents in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import select

from db.agents import AGENTS, agent_record
from db.conditions import among
from db.states import Transition
from db.tables import workspace_agents, workspace_resources

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import datetime

    from db.ids import BuildId, JobId, ResourceId
    from db.records import Agent
    from db.statements import Row
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One thing that a build made."""

    id: ResourceId
    job_id: JobId
    created_at: datetime
    transition: Transition
    type: str
    name: str
    hide: bool
    icon: str
    daily_cost: int
    metadata: Sequence[Mapping[str, object]]


_RESOURCES = (
    select(*(workspace_resources.c[name] for name in Resource.__dataclass_fields__))
    .where(among(workspace_resources.c.job_id, "jobs"))
    .order_by(workspace_resources.c.name, workspace_resources.c.id)
)
_AGENTS = AGENTS.where(among(workspace_agents.c.build_id, "builds")).order_by(
    workspace_agents.c.display_order, workspace_agents.c.name
)


def of_jobs(conn: Connection, job_ids: Collection[JobId]) -> dict[JobId, list[Resource]]:
    """What the builds of these jobs made."""
    resources: dict[JobId, list[Resource]] = {}
    for row in conn.rows(_RESOURCES, jobs=job_ids) if job_ids else ():
        resources.setdefault(row.job_id, []).append(_resource_from(row))
    return resources


def agents_of_builds(conn: Connection, build_ids: Collection[BuildId]) -> dict[ResourceId, list[Agent]]:
    """The agents of these builds by their resource, as they are shown; those of replaced builds are gone."""
    agents: dict[ResourceId, list[Agent]] = {}
    for agent in conn.records(agent_record, _AGENTS, builds=build_ids) if build_ids else ():
        agents.setdefault(agent.resource_id, []).append(agent)
    return agents


def _resource_from(row: Row) -> Resource:
    return Resource(**{**row._asdict(), "transition": Transition(row.transition)})
