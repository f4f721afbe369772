"""A daemon that knows only the server's URL and a key."""

import asyncio

import pytest

from db.states import BuildStatus, JobErrorCode, JobStatus
from provisioner.queue import cancel_topic
from tests.daemon_server import GUARD_SECONDS
from tests.echo_templates import AGENT, COMPLETE, Step, costing
from tests.integration.remote.conftest import Fleet

NEVER: list[Step] = [{"delay_ms": 3_600_000}, COMPLETE]


async def test_a_remote_daemon_builds_a_workspace_with_state_resources_and_logs(fleet: Fleet) -> None:
    build = await fleet.playing(
        10,
        apply=[
            {"log": {"level": "info", "output": "at it"}},
            {"complete": {"state": "what exists", "resources": [AGENT]}},
        ],
    )
    await fleet.daemon()

    done = await fleet.ended(build)

    assert (done.status, done.job.attempt, done.daily_cost) == (BuildStatus.RUNNING, 1, 10)
    assert await fleet.scenario.state(build.id) == b"what exists"
    outputs = [line.output for line in await fleet.scenario.logs(build.job.id)]
    assert "at it" in outputs
    assert "Build cost: 10" in outputs
    assert await fleet.scenario.consumed() == 10


async def test_a_remote_daemon_imports_a_template(fleet: Fleet) -> None:
    await fleet.daemon()
    version_id, job_id = await fleet.scenario.push("another", archive=costing(7))

    with fleet.scenario.store.wakeups.subscribe(cancel_topic(job_id)) as changes:
        async with asyncio.timeout(GUARD_SECONDS):
            while (await fleet.scenario.job(job_id)).status.active:
                await changes.wait(None)

    version = await fleet.scenario.version(version_id)
    assert ((await fleet.scenario.job(job_id)).status, version.start_cost) == (JobStatus.SUCCEEDED, 7)


async def test_a_refused_quota_reads_the_same_from_a_remote_daemon(fleet: Fleet) -> None:
    build = await fleet.playing(41)
    await fleet.daemon()

    refused = await fleet.ended(build)

    assert (refused.status, refused.job.error_code) == (BuildStatus.FAILED, JobErrorCode.INSUFFICIENT_QUOTA)
    assert refused.planned_cost == 41
    assert await fleet.scenario.consumed() == 0


async def test_a_terminal_failure_survives_the_way_over_http(fleet: Fleet) -> None:
    reason, detail = "USER_NOT_PROVISIONABLE", "directory said HR-412"
    build = await fleet.playing(10, apply=[{"terminal": {"reason": reason, "detail": detail}}])
    await fleet.daemon()

    failed = await fleet.ended(build)

    assert (failed.job.failure_reason, failed.job.failure_detail, failed.job.retryable) == (
        reason,
        detail,
        False,
    )


@pytest.mark.requirement("P7")
async def test_a_cancel_reaches_a_remote_provisioner(fleet: Fleet) -> None:
    build = await fleet.playing(10, plan=NEVER)
    await fleet.daemon()
    await fleet.echo.begun("plan")

    await fleet.scenario.cancel(build.job.id)

    assert (await fleet.ended(build)).status is BuildStatus.CANCELED
    assert fleet.echo.events == ["plan"]
