"""A long history, made by the server itself in a few statements."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import asyncpg

from db import templates
from db.engine import open_store
from db.postgres_url import driver_url
from tests.scenario import Scenario

if TYPE_CHECKING:
    from db.ids import FileId, TemplateVersionId


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much there is. Each job has two lines of log, and each living workspace a charge of 1."""

    jobs: int
    workspaces: int
    owners: int = 500

    def __str__(self) -> str:
        return f"{self.jobs:,} finished jobs, {self.workspaces:,} workspaces"


#: What a test makes within seconds, and what the promise is about.
SMALL = Size(jobs=60_000, workspaces=6_000)
FULL = Size(jobs=1_000_000, workspaces=100_000)

# One job ended per second, the last one now. Every tenth workspace is deleted; builds go round them.
_FILL = """
SET session_replication_role = replica;  -- spares a look at every foreign key
INSERT INTO users (id, username, created_at)
    SELECT gen_random_uuid(), 'owner-' || n, now() FROM generate_series(1, {owners}) AS n;
CREATE TEMP TABLE owner AS
    SELECT id, row_number() OVER () - 1 AS n FROM users WHERE username LIKE 'owner-%';
INSERT INTO organization_members (organization_id, user_id) SELECT '{organization}', id FROM owner;
INSERT INTO workspaces (id, owner_id, organization_id, template_id, name, deleted, created_at, updated_at,
                        last_used_at)
    SELECT gen_random_uuid(), owner.id, '{organization}', '{template}', 'w' || n.n, n.n % 10 = 0,
           now(), now(), now()
    FROM generate_series(0, {workspaces} - 1) AS n(n) JOIN owner ON owner.n = n.n % {owners};
CREATE TEMP TABLE place AS
    SELECT id, owner_id, row_number() OVER () - 1 AS n FROM workspaces WHERE name LIKE 'w%';
CREATE TEMP TABLE made AS
    SELECT n.n, gen_random_uuid() AS job, gen_random_uuid() AS build, gen_random_uuid() AS resource,
           place.id AS workspace, place.owner_id AS owner, n.n / {workspaces} + 1 AS number,
           n.n >= {jobs} - {workspaces} AS latest, now() - ({jobs} - n.n) * interval '1 second' AS at
    FROM generate_series(0, {jobs} - 1) AS n(n) JOIN place ON place.n = n.n % {workspaces};
INSERT INTO provisioner_jobs (id, created_at, queued_at, updated_at, started_at, completed_at, committed_at,
                              organization_id, initiator_id, type, provisioner, file_id, tags, worker_id,
                              turn)
    SELECT job, at, at, at, at, at, at, '{organization}', owner, 'workspace_build', 'echo', '{file}',
           '{{"owner": "", "scope": "organization"}}', gen_random_uuid(), n / {owners}
    FROM made;
INSERT INTO workspace_builds (id, workspace_id, build_number, transition, template_version_id, initiator_id,
                              job_id, state, daily_cost, deadline, created_at, updated_at)
    SELECT build, workspace, number, 'start', '{version}', owner, job, 'state', 1,
           CASE WHEN latest THEN now() + interval '8 hours' END, at, at
    FROM made;
INSERT INTO workspace_charges (workspace_id, confirmed) SELECT id, 1 FROM place;
INSERT INTO provisioner_job_logs (job_id, created_at, source, level, stage, output)
    SELECT job, at, 'provisioner', 'info', 'Planning', 'line ' || line
    FROM made, generate_series(1, 2) AS line;
INSERT INTO workspace_resources (id, job_id, created_at, transition, type, name)
    SELECT resource, job, at, 'start', 'machine', 'main' FROM made;
INSERT INTO workspace_agents (id, resource_id, workspace_id, build_id, name, deleted, created_at, updated_at)
    SELECT gen_random_uuid(), resource, workspace, build, 'main', NOT latest, at, at FROM made;
INSERT INTO provisioner_jobs (id, created_at, queued_at, updated_at, organization_id, initiator_id, type,
                              provisioner, file_id, tags, turn)
    SELECT gen_random_uuid(), now(), now(), now(), '{organization}', owner.id, 'template_version_dry_run',
           'echo', '{file}', '{{"owner": "", "scope": "organization"}}', {jobs} / {owners}
    FROM owner WHERE n < 100;
"""


async def fill(url: str, size: Size) -> None:
    """Give the migrated, empty database at ``url`` a history, and 100 jobs in line."""
    async with open_store(url) as store:
        scenario = await Scenario.on(store)
        version_id, file_id = await _template(scenario)
    driver = await asyncpg.connect(driver_url(url))
    try:
        await driver.execute(
            _FILL.format(
                jobs=size.jobs,
                workspaces=size.workspaces,
                owners=size.owners,
                organization=scenario.organization_id,
                template=scenario.template_id,
                version=version_id,
                file=file_id,
            )
        )
        await driver.execute("VACUUM ANALYZE")
    finally:
        await driver.close()


async def _template(scenario: Scenario) -> tuple[TemplateVersionId, FileId]:
    template = await scenario.store.read(templates.template, scenario.template_id)
    assert template.active_version_id is not None
    return template.active_version_id, await scenario.version_file()
