"""The queries of the queue use their indexes, however many jobs have finished."""

from datetime import timedelta

import pytest
from sqlalchemy import Executable, text
from sqlalchemy.util import await_only

from db import postgres, sqlite_connection
from db.ids import new_id
from db.transactions import Connection
from provisioner import queue, stuck_jobs, tags
from tests.scenario import Scenario

FINISHED = 50_000
DOUBLINGS = 16
NEW_ID = {"sqlite": "lower(hex(randomblob(16)))", "postgresql": "gen_random_uuid()"}
COPIED = (
    "created_at, queued_at, updated_at, started_at, completed_at, organization_id, initiator_id, type,"
    " provisioner, file_id, input, tags, turn, worker_id"
)


def double(conn: Connection) -> int:
    """Copy all finished jobs; how many there were."""
    return conn.run(
        text(
            f"INSERT INTO provisioner_jobs (id, {COPIED}) SELECT {NEW_ID[conn.dialect]}, {COPIED}"  # noqa: S608
            " FROM provisioner_jobs WHERE completed_at IS NOT NULL"
        )
    )


def plan(conn: Connection, statement: Executable, values: dict[str, object]) -> str:
    """How the database would run the statement."""
    driver = conn._driver  # type: ignore[attr-defined] # noqa: SLF001
    if conn.dialect == "sqlite":
        compiled = sqlite_connection._compiler(statement)  # noqa: SLF001
        rows = driver.execute(f"EXPLAIN QUERY PLAN {compiled.sql}", compiled.arguments(values)).fetchall()
        return "\n".join(row[3] for row in rows)
    compiled = postgres._compiler(statement)  # noqa: SLF001
    explained = driver.fetch(f"EXPLAIN {compiled.sql}", *compiled.arguments(values))
    return "\n".join(row[0] for row in await_only(explained))


@pytest.fixture
async def busy(scenario: Scenario) -> Scenario:
    """A queue with some jobs in line, one that runs, and very many that have finished."""
    count = 0
    patient = scenario.store.limited(timedelta(minutes=1))
    for _ in range(DOUBLINGS):
        count += await patient.write(double)
    assert count >= FINISHED
    await scenario.started(10)
    for _ in range(5):
        await scenario.create()
    await scenario.store.write(lambda conn: conn.run(text("ANALYZE")))
    return scenario


@pytest.mark.requirement("P11")
async def test_a_claim_looks_at_pending_jobs_only(busy: Scenario) -> None:
    now = busy.store.clock.now()
    found = await busy.store.read(
        plan,
        queue._claim(("echo",)),  # noqa: SLF001
        {
            "worker": busy.daemon.id,
            "request": new_id(),
            "organization": busy.organization_id,
            "daemon_tags": dict(tags.UNTAGGED),
            "daemon_untagged": True,
            "now": now,
            "until": now,
        },
    )

    assert "ix_provisioner_jobs_pending" in found
    assert "Seq Scan" not in found
    assert "SCAN provisioner_jobs" not in found.replace("USING INDEX", "")


@pytest.mark.requirement("P11")
async def test_the_reaper_looks_at_started_and_pending_jobs_only(busy: Scenario) -> None:
    overdue = stuck_jobs.overdue(busy.settings)
    limits = overdue._values(busy.store.clock.now())  # noqa: SLF001

    found = await busy.store.read(plan, overdue._find, {"most": 10, **limits})  # noqa: SLF001

    assert "ix_provisioner_jobs_lease" in found
    assert "Seq Scan on provisioner_jobs" not in found
