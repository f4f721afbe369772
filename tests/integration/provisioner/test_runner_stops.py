"""A run that is told to stop: cancelled in each phase, cut off from the store, or robbed of its lease."""

from datetime import timedelta

import pytest

from db.errors import StoreUnavailable
from db.states import BuildStatus, JobStatus
from provisioner import log_buffer
from provisioner.settings import ProvisionerSettings
from tests.echo_templates import COMPLETE
from tests.integration.provisioner.conftest import Engine

NEVER = [{"delay_ms": 3_600_000}, COMPLETE]
DEAF = [{"ignore_interrupt": True, "delay_ms": 3_600_000}, COMPLETE]
HEARTBEAT = ProvisionerSettings().heartbeat_interval
SECOND = timedelta(seconds=1)


@pytest.mark.requirement("cancel-before-apply-never-applies")
@pytest.mark.parametrize("place", ["archive", "commit_quota", "commit_quota answered"])
async def test_a_build_cancelled_before_its_apply_never_applies(engine: Engine, place: str) -> None:
    gate = engine.client.gate(place)
    build = await engine.playing(10)
    await engine.daemon()
    await gate.reached()

    await engine.scenario.cancel(build.job.id)
    if place == "commit_quota answered":
        # Past the point of no return: the runner has to hear of it before it calls the apply.
        await engine.settled()
    gate.open()

    assert (await engine.ended(build)).status is BuildStatus.CANCELED
    assert "apply" not in engine.echo.events
    assert await engine.scenario.consumed() == 0


async def test_a_cancelled_plan_is_interrupted_and_the_build_canceled(engine: Engine) -> None:
    build = await engine.playing(10, plan=NEVER)
    await engine.daemon()
    await engine.echo.begun("plan")

    await engine.scenario.cancel(build.job.id)

    assert (await engine.ended(build)).status is BuildStatus.CANCELED
    assert engine.echo.events == ["plan"]


async def test_a_cancelled_apply_is_interrupted_and_the_build_failed(engine: Engine) -> None:
    build = await engine.playing(10, apply=NEVER)
    await engine.daemon()
    await engine.echo.begun("apply")

    await engine.scenario.cancel(build.job.id)

    ended = await engine.ended(build)
    assert (ended.status, ended.job.error) == (BuildStatus.FAILED, "canceled")
    assert await engine.scenario.consumed() == 10


async def test_a_cancel_that_comes_while_the_result_is_stored_is_too_late(engine: Engine) -> None:
    gate = engine.client.gate("finish")
    build = await engine.playing(10)
    await engine.daemon()
    await gate.reached()

    await engine.scenario.cancel(build.job.id)
    gate.open()

    assert (await engine.ended(build)).status is BuildStatus.RUNNING
    assert await engine.scenario.consumed() == 10


@pytest.mark.requirement("P7")
async def test_a_cancel_whose_wake_up_is_lost_arrives_with_the_heartbeat(engine: Engine) -> None:
    build = await engine.playing(10, plan=NEVER)
    await engine.daemon()
    await engine.echo.begun("plan")
    engine.scenario.store.wakeups.filter = lambda notices: [each for each in notices if each[0][:4] != "job:"]

    await engine.scenario.cancel(build.job.id)
    await engine.pass_time(HEARTBEAT * 2)

    assert (await engine.ended(build)).status is BuildStatus.CANCELED


@pytest.mark.requirement("P7")
@pytest.mark.parametrize(("phase", "consumed"), [("plan", 0), ("apply", 10)])
async def test_a_provisioner_that_does_not_listen_is_killed_in_the_end(
    engine: Engine, phase: str, consumed: int
) -> None:
    build = await engine.playing(10, **{phase: DEAF})
    await engine.daemon()
    await engine.echo.begun(phase)
    await engine.scenario.cancel(build.job.id)
    await engine.settled()

    await engine.pass_time(engine.client.settings.force_cancel - 10 * SECOND, HEARTBEAT)
    assert (await engine.scenario.job(build.job.id)).status is JobStatus.CANCELING
    await engine.pass_time(20 * SECOND)

    job = (await engine.ended(build)).job
    assert (job.status, job.error, job.retryable) == (JobStatus.FAILED, "Cancel timed out", True)
    assert f"{phase} killed" in engine.echo.events
    assert await engine.scenario.consumed() == consumed


@pytest.mark.requirement("P3")
@pytest.mark.parametrize("phase", ["plan", "apply"])
async def test_a_runner_that_lost_its_lease_stops_its_provisioner_and_writes_nothing(
    engine: Engine, phase: str
) -> None:
    build = await engine.playing(10, **{phase: DEAF})
    daemon = await engine.daemon()
    await engine.echo.begun(phase)
    heartbeats = engine.client.gate("heartbeat")  # no renewal gets through before the reaper
    engine.clock.advance(engine.scenario.lost)
    await engine.scenario.reap()
    before = await engine.scenario.job(build.job.id)

    heartbeats.open()
    while daemon.active and daemon._runners and f"{phase} killed" not in engine.echo.events:  # noqa: SLF001
        await engine.settled()

    assert f"{phase} killed" in engine.echo.events
    if phase == "apply":
        assert await engine.scenario.job(build.job.id) == before


@pytest.mark.requirement("P5")
@pytest.mark.parametrize("phase", ["plan", "apply"])
async def test_a_daemon_cut_off_from_the_store_kills_its_provisioner_before_the_lease_ends(
    engine: Engine, phase: str
) -> None:
    build = await engine.playing(10, **{phase: DEAF})
    await engine.daemon()
    await engine.echo.begun(phase)
    engine.client.faults["heartbeat"] += [StoreUnavailable("cable cut")] * 1000
    claimed_at = (await engine.scenario.job(build.job.id)).started_at
    assert claimed_at is not None
    lease_ends = claimed_at + engine.client.settings.job_lease

    while f"{phase} killed" not in engine.echo.events and engine.clock.now() < lease_ends:
        await engine.pass_time(SECOND)

    assert engine.clock.now() < lease_ends
    assert f"{phase} killed" in engine.echo.events
    assert (await engine.scenario.job(build.job.id)).status is JobStatus.RUNNING


@pytest.mark.requirement("P5")
async def test_a_daemon_cut_off_for_half_the_lease_first_asks_politely(engine: Engine) -> None:
    build = await engine.playing(10, apply=NEVER)
    await engine.daemon()
    await engine.echo.begun("apply")
    engine.client.faults["heartbeat"] += [StoreUnavailable("cable cut")] * 1000

    await engine.pass_time(engine.client.settings.job_lease / 2 + 3 * SECOND)

    job = (await engine.ended(build)).job
    assert engine.echo.events == ["plan", "apply"]
    assert (job.status, job.retryable) == (JobStatus.FAILED, True)


async def test_a_daemon_cut_off_while_it_plans_hands_the_job_back(engine: Engine) -> None:
    build = await engine.playing(10, plan=NEVER)
    await engine.daemon()
    await engine.echo.begun("plan")
    engine.client.gate("claim")
    engine.client.faults["heartbeat"] += [StoreUnavailable("cable cut")] * 1000

    await engine.pass_time(engine.client.settings.job_lease / 2 + 3 * SECOND)

    assert (await engine.released(build)).job.status is JobStatus.PENDING


async def test_a_lease_is_renewed_as_long_as_the_build_runs(engine: Engine) -> None:
    build = await engine.playing(10, apply=[{"delay_ms": 600_000}, COMPLETE])
    await engine.daemon()
    await engine.echo.begun("apply")

    for _ in range(119):
        await engine.pass_time(HEARTBEAT, HEARTBEAT)
        assert await engine.scenario.reap() == 0
    await engine.pass_time(2 * HEARTBEAT, HEARTBEAT)

    ended = await engine.ended(build)
    assert (ended.status, ended.job.attempt) == (BuildStatus.RUNNING, 1)


@pytest.mark.requirement("P7")
async def test_a_flood_of_log_lines_stops_neither_the_cancel_nor_the_build(engine: Engine) -> None:
    flood = {"log": {"level": "info", "output": "x" * 200}, "repeat": 20_000}
    build = await engine.playing(
        10, apply=[flood, {"log": {"level": "info", "output": "y" * 200_000}}, *NEVER]
    )
    await engine.daemon()
    await engine.echo.begun("apply")
    await engine.pass_time(log_buffer.MAX_AGE * 2, log_buffer.MAX_AGE)

    await engine.scenario.cancel(build.job.id)

    ended = await engine.ended(build)
    assert ended.status is BuildStatus.FAILED
    assert ended.job.logs_overflowed


async def test_lines_are_shown_while_the_build_runs(engine: Engine) -> None:
    line = {"log": {"level": "warn", "output": "half way"}}
    build = await engine.playing(10, apply=[line, *NEVER])
    await engine.daemon()
    await engine.echo.begun("apply")

    await engine.pass_time(log_buffer.MAX_AGE * 3, log_buffer.MAX_AGE)

    assert "half way" in await engine.outputs(build)
    assert (await engine.scenario.job(build.job.id)).stage == "Starting workspace"
