"""Remote daemons and their server as processes that are killed, or stand still, in each phase of a build."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from db import provisioner_keys
from db.clock import SystemClock
from db.engine import open_store
from db.records import Build
from db.states import BuildStatus, JobStatus
from provisioner.log_buffer import MAX_LINES
from provisioner.settings import ProvisionerSettings
from tests.echo_templates import AGENT, COMPLETE, Step
from tests.faults.conftest import Child, Start
from tests.faults.remote import SHORT
from tests.faults.test_killed_daemon import reaped
from tests.integration.provisioner.gates import GatedClient, MarkedEcho
from tests.integration.remote.conftest import Fleet, fleet
from tests.scenario import Scenario

__all__ = ["fleet"]

#: Lines enough to be sent before the end, however quick the build is.
CHATTY: Step = {"log": {"level": "info", "output": "a line"}, "repeat": MAX_LINES + 1}
APPLYING: list[Step] = [
    {"log": {"level": "info", "output": "at it"}},
    {"complete": {"state": "what exists", "resources": [AGENT]}},
]
SLOW: list[Step] = [APPLYING[0], {"delay_ms": 600_000}, COMPLETE]


@pytest.fixture
def provisioner_settings() -> ProvisionerSettings:
    return SHORT


async def command(fleet: Fleet, start: Start, name: str) -> Child:
    """The real command, with a key of its own."""
    key = await fleet.key(f"key of {name}")
    return await start("chattool", "daemon", "--url", fleet.url, "--key", key, "--name", name)


async def applies(scenario: Scenario, build: Build) -> int:
    return [line.output for line in await scenario.logs(build.job.id)].count("at it")


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P4")
@pytest.mark.requirement("P9")
@pytest.mark.parametrize("place", ["archive", "commit_quota"])
async def test_a_build_whose_remote_daemon_was_killed_before_the_commit_is_built_by_the_next(
    fleet: Fleet, database_url: str, start: Start, place: str
) -> None:
    gate = fleet.served.gate(place)
    build = await fleet.playing(10, apply=APPLYING)
    first = await command(fleet, start, "first")
    await gate.reached()
    await first.kill()

    assert await reaped(database_url, fleet.scenario) == 1
    assert (await fleet.scenario.job(build.job.id)).status is JobStatus.PENDING
    gate.open()  # what the dead daemon had asked for is done now, and must count for nothing
    await command(fleet, start, "second")

    done = await fleet.ended(build)
    assert (done.status, done.job.attempt, done.job.losses) == (BuildStatus.RUNNING, 2, 1)
    assert await applies(fleet.scenario, build) == 1
    assert await fleet.scenario.consumed() == 10


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P4")
@pytest.mark.requirement("P9")
@pytest.mark.parametrize("place", ["commit_quota answered", "finish"])
async def test_a_build_whose_remote_daemon_was_killed_after_the_commit_fails_and_stays_charged(
    fleet: Fleet, database_url: str, start: Start, place: str
) -> None:
    gate = fleet.served.gate(place)
    build = await fleet.playing(10, apply=APPLYING)
    daemon = await command(fleet, start, "first")
    await gate.reached()
    await daemon.kill()

    assert await reaped(database_url, fleet.scenario) == 1
    gate.open()

    failed = await fleet.ended(build)
    assert (failed.status, failed.job.retryable, failed.job.attempt) == (BuildStatus.FAILED, True, 1)
    assert await fleet.scenario.consumed() == 10


@pytest.mark.requirement("P3")
async def test_a_remote_daemon_that_stood_still_for_longer_than_its_lease_gives_up_and_works_on(
    fleet: Fleet, database_url: str, start: Start
) -> None:
    build = await fleet.playing(10, start_apply=SLOW)
    daemon = await command(fleet, start, "first")
    await fleet.until(build, lambda found: found.job.stage == "Starting workspace")
    daemon.send(signal.SIGSTOP)
    assert await reaped(database_url, fleet.scenario) == 1
    before = await fleet.scenario.build(build.id), await fleet.scenario.logs(build.job.id)

    daemon.send(signal.SIGCONT)
    deleted = await fleet.ended(await fleet.scenario.request(build.workspace_id, "delete"))

    assert deleted.status is BuildStatus.DELETED
    assert (await fleet.scenario.build(build.id), await fleet.scenario.logs(build.job.id)) == before


class OwnServer:
    """A server in a process of its own, which is killed and started again at the same address."""

    def __init__(self, database_url: str, start: Start) -> None:
        self._database_url = database_url
        self._start = start
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    async def started(self, place: str = "") -> Child:
        server = await self._start(
            "tests.faults.remote_server", self._database_url, str(self.port), *filter(None, [place])
        )
        await server.said("ready")
        return server


@pytest.fixture
async def scenario(database_url: str) -> AsyncIterator[Scenario]:
    async with open_store(database_url, migrate=False) as store:
        yield await Scenario.on(store)


@pytest.mark.requirement("P1")
@pytest.mark.requirement("P2")
@pytest.mark.parametrize(
    ("database_url", "place"),
    [
        ("sqlite", "claim answered"),
        ("sqlite", "append_logs answered"),
        ("sqlite", "commit_quota"),
        ("sqlite", "finish"),
        ("sqlite", "finish answered"),
        ("postgres", "claim answered"),
        ("postgres", "commit_quota answered"),
    ],
    indirect=["database_url"],
)
async def test_a_server_that_was_killed_and_came_back_has_lost_no_build_and_runs_none_twice(
    scenario: Scenario, database_url: str, start: Start, place: str
) -> None:
    async with AsyncExitStack() as stack:
        own = OwnServer(database_url, start)
        remote = Fleet(
            scenario=scenario,
            served=GatedClient(scenario.store, SHORT),
            url=own.url,
            settings=SHORT,
            stack=stack,
            echo=MarkedEcho(SystemClock()),
        )
        build = await remote.playing(10, plan=[CHATTY, {"complete": {"cost": 10}}], apply=APPLYING)
        server = await own.started(place)
        await remote.daemon()
        await server.said("reached")
        await server.kill()
        await own.started()

        done = await remote.ended(build)
        remote.daemons[0].cancel()
        await asyncio.gather(*remote.tasks)

    assert (done.status, done.job.attempt, done.job.losses) == (BuildStatus.RUNNING, 1, 0)
    assert remote.echo.events == ["plan", "apply"]
    assert await applies(scenario, build) == 1
    assert await scenario.consumed() == 10
    assert await scenario.drifts() == []


@pytest.mark.requirement("P8")
async def test_a_remote_daemon_that_waits_for_its_server_ends_when_it_is_told_to(
    fleet: Fleet, start: Start
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    daemon = await start("chattool", "daemon", "--url", url, "--key", "any")
    await daemon.complained("action=reconnect")

    daemon.send(signal.SIGTERM)

    assert await daemon.ended() == 0


async def test_a_remote_daemon_whose_key_is_refused_ends_with_one_line(fleet: Fleet, start: Start) -> None:
    daemon = await start("chattool", "daemon", "--url", fleet.url, "--key", "wrong")

    await daemon.complained(f"error: {fleet.url} refuses: the daemon's key is missing, unknown or revoked")
    assert await daemon.ended() == 1


async def test_a_remote_daemon_ends_when_its_key_is_revoked(fleet: Fleet, start: Start) -> None:
    daemon = await command(fleet, start, "first")
    await daemon.complained("action=ready")

    await fleet.scenario.store.write(provisioner_keys.revoke, fleet.scenario.organization_id, "key of first")
    await fleet.playing(10)

    await daemon.complained("refuses")
    assert await daemon.ended() == 1
