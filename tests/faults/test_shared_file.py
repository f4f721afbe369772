"""Several processes on one SQLite file."""

import asyncio

import pytest

from db.builds import topic
from db.engine import open_store
from db.ids import WorkspaceId
from db.records import Build
from db.states import BuildStatus
from tests.conformance.test_imports import EMPTY
from tests.echo_templates import costing
from tests.faults.conftest import Start
from tests.scenario import Scenario

WORKSPACES = 40
ROUNDS = 25


@pytest.mark.requirement("sqlite-shared-by-processes")
@pytest.mark.timeout(180)
@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_thousand_builds_of_two_daemons_beside_an_agent_host_never_meet_a_lock(
    database_url: str, start: Start
) -> None:
    async with open_store(database_url, migrate=False) as store:
        scenario = await Scenario.on(store, allowance=10_000)
        _, job_id = await scenario.push("echo", archive=costing(3))
        await (await scenario.claimed(job_id)).finish(imported=EMPTY)
        children = [
            await start("tests.faults.daemon_process", database_url, "-", "first"),
            await start("tests.faults.daemon_process", database_url, "-", "second"),
            await start("tests.faults.agent_host", database_url),
        ]
        for child in children:
            await child.said("ready")

        async def ended(build: Build) -> Build:
            with store.wakeups.subscribe(topic(build.id)) as changes:
                while (found := await scenario.build(build.id)).job.status.active:
                    await changes.wait(None)
            return found

        async def live() -> WorkspaceId:
            build = await ended(await scenario.create())
            for _ in range(ROUNDS - 1):
                build = await ended(await scenario.request(build.workspace_id))
                assert build.status is BuildStatus.RUNNING
            return build.workspace_id

        async with asyncio.timeout(150):
            await asyncio.gather(*(live() for _ in range(WORKSPACES)))

        complaints = [await child.kill() for child in children]
        assert complaints == [""] * 3
        assert await scenario.consumed() == 3 * WORKSPACES
        assert await scenario.drifts() == []
