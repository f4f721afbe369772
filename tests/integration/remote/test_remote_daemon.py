"""A daemon that knows only the server's URL and a key."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from chattool.api.daemons import acquired
from db import templates
from db.errors import ChattoolError, NotFound, RequestError, StoreBusy, StoreUnavailable
from db.ids import DaemonId, FileId, JobId, OrganizationId, TemplateVersionId, UserId, new_id
from db.secrets import SecretUnreadable
from db.states import BuildStatus, JobErrorCode, JobStatus, JobType, ProvisionerType
from provisioner import imports, joblogs
from provisioner.jobs import Claim, Fence, ImportWork
from provisioner.remote_daemons import Assignment
from quota import QuotaLockTimeout
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

    with fleet.scenario.store.wakeups.subscribe(joblogs.topic(job_id)) as changes:
        async with asyncio.timeout(GUARD_SECONDS):
            while (await fleet.scenario.job(job_id)).status.active:
                await changes.wait(None)

    version = await fleet.scenario.version(version_id)
    assert ((await fleet.scenario.job(job_id)).status, version.start_cost) == (JobStatus.SUCCEEDED, 7)


async def test_a_remote_daemon_imports_a_version_that_no_template_has_yet(fleet: Fleet) -> None:
    await fleet.daemon()
    scenario = fleet.scenario
    file_id, _ = await scenario.store.write(templates.upload_file, scenario.user.id, costing(7))
    upload = imports.Upload(file_id=file_id, provisioner=ProvisionerType.ECHO)
    version_id, job_id = await scenario.store.write(
        imports.add_version, scenario.organization_id, scenario.user.id, upload
    )

    with scenario.store.wakeups.subscribe(joblogs.topic(job_id)) as changes:
        async with asyncio.timeout(GUARD_SECONDS):
            while (await scenario.job(job_id)).status.active:
                await changes.wait(None)

    version = await scenario.version(version_id)
    assert (version.template_id, version.start_cost) == (None, 7)


def test_a_job_that_cannot_be_told_to_any_daemon_fails_and_says_why() -> None:
    damaged: Any = {"token": 5}
    claim = Claim(
        fence=Fence(job_id=JobId(new_id()), attempt=1, worker_id=DaemonId(new_id())),
        type=JobType.TEMPLATE_VERSION_IMPORT,
        provisioner=ProvisionerType.ECHO,
        organization_id=OrganizationId(new_id()),
        file_id=FileId(new_id()),
        work=ImportWork(
            template_id=None,
            template_version_id=TemplateVersionId(new_id()),
            initiator_id=UserId(new_id()),
            variables=damaged,
        ),
    )

    answer = acquired(Assignment(claim=claim, waited=timedelta()))

    assert answer.claim.work is None
    assert answer.work_error.startswith("prepare job: it cannot be told to a daemon (claim.work")


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


async def test_a_busy_database_behind_the_server_is_asked_again(fleet: Fleet) -> None:
    build = await fleet.playing(10)
    for call in ("claim", "append_logs", "commit_quota", "heartbeat"):
        fleet.served.faults[call] += [StoreBusy("busy"), StoreUnavailable("away")]
    for call in ("claim answered", "finish answered"):
        fleet.served.faults[call].append(StoreUnavailable("the answer is lost"))
    await fleet.daemon()

    done = await fleet.ended(build)

    assert (done.status, done.job.attempt) == (BuildStatus.RUNNING, 1)
    assert fleet.echo.events == ["plan", "apply"]


@pytest.mark.requirement("quota-lock-timeout-is-no-refusal")
async def test_a_quota_lock_that_is_held_for_too_long_is_no_refusal_over_http_either(fleet: Fleet) -> None:
    build = await fleet.playing(10)
    fleet.served.faults["commit_quota"].append(QuotaLockTimeout(timedelta(seconds=30)))
    await fleet.daemon()

    failed = await fleet.ended(build)

    assert (failed.status, failed.job.error_code, failed.job.retryable) == (BuildStatus.FAILED, None, True)


async def test_a_heartbeat_that_is_refused_once_is_followed_by_others(fleet: Fleet) -> None:
    build = await fleet.playing(10)
    fleet.served.faults["heartbeat"].append(RequestError(413, "too large"))
    finish, beat = fleet.served.gate("finish"), fleet.served.gate("heartbeat answered")
    await fleet.daemon()
    await finish.reached()
    await beat.reached()

    assert not fleet.served.faults["heartbeat"]
    beat.open()
    finish.open()

    assert (await fleet.ended(build)).status is BuildStatus.RUNNING


@pytest.mark.parametrize(
    ("problem", "said"),
    [
        (NotFound("get workspace: it is gone"), "get workspace: it is gone"),
        (SecretUnreadable(), f"prepare job: {SecretUnreadable()}"),
    ],
    ids=["gone", "unreadable"],
)
async def test_a_job_whose_work_cannot_be_read_fails_with_the_servers_text(
    fleet: Fleet, problem: ChattoolError, said: str
) -> None:
    build = await fleet.playing(10)
    fleet.served.faults["work"].append(problem)
    await fleet.daemon()

    assert (await fleet.ended(build)).job.error == said
