"""Wake-ups are hints: in a process, between processes, and what happens when they go astray."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from datetime import timedelta

import pytest

from db import users
from db.builds import has_unfinished_job
from db.clock import FakeClock
from db.engine import open_store
from db.ids import JobId
from db.transactions import Connection, Store
from provisioner import queue, tags
from provisioner.acquirer import Acquirer, Domain
from provisioner.jobs import Claim
from tests.played_daemon import PlayedDaemon
from tests.postgres import PostgresDatabases
from tests.scenario import Scenario

Notices = list[tuple[str, str]]
POLL = timedelta(seconds=5)
FIRST_POLL = POLL * 1.3  # jitter included


def say(conn: Connection, topic: str, payload: str = "") -> None:
    conn.notify(topic, payload)


async def test_a_commit_wakes_those_who_wait_in_the_same_process(store: Store) -> None:
    with store.wakeups.subscribe("topic") as subscription:
        await store.write(say, "topic")
        async with asyncio.timeout(20):
            assert await subscription.wait(None)


async def test_a_commit_wakes_those_who_wait_in_another_process(store: Store, other_store: Store) -> None:
    with other_store.wakeups.subscribe("topic") as subscription:
        await store.write(_touch)
        async with asyncio.timeout(20):
            assert await subscription.wait(None)


def _touch(conn: Connection) -> None:
    # On SQLite another process sees the change itself, not the hint.
    queue_owner = users.create_user(conn, "somebody", [])
    conn.notify("topic", str(queue_owner.id))


async def test_a_rolled_back_transaction_wakes_nobody(store: Store) -> None:
    def fail(conn: Connection) -> None:
        conn.notify("topic", "undone")
        raise LookupError

    heard: list[str | None] = []
    with store.wakeups.listening("topic", heard.append):
        with suppress(LookupError):
            await store.write(fail)
        await store.write(say, "other")

    assert "undone" not in heard


async def test_a_hint_that_came_before_the_wait_is_not_lost(store: Store) -> None:
    with store.wakeups.subscribe("topic") as subscription:
        await store.write(say, "topic")
        await store.write(say, "topic")

        async with asyncio.timeout(20):
            assert await subscription.wait(None)


async def test_a_subscription_that_ended_leaves_nothing_behind(store: Store) -> None:
    with store.wakeups.subscribe("a", "b"), store.wakeups.listening("a", lambda _: None):
        assert store.wakeups.in_use

    assert not store.wakeups.in_use


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_hints_flow_again_after_the_listening_connection_was_lost(
    store: Store, other_store: Store, database_url: str, postgres_server: PostgresDatabases
) -> None:
    with store.wakeups.subscribe("topic") as subscription:
        async with postgres_server.connect(database_url.rpartition("/")[2]) as connection:
            await connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND application_name = 'chattool-listener'"
            )
        async with asyncio.timeout(10):
            # Whatever was said meanwhile was not heard, so everybody looks.
            assert await subscription.wait(None)
            heard: asyncio.Event = asyncio.Event()
            with store.wakeups.listening("topic", lambda payload: heard.set() if payload else None):
                while not heard.is_set():
                    await other_store.write(say, "topic", "again")
                    await store.read(has_unfinished_job)


# Going astray


class Parked:
    """A daemon that waits for work; counts how often it asked."""

    def __init__(self, scenario: Scenario, daemon: PlayedDaemon, acquirer: Acquirer) -> None:
        self.asked = 0
        self._daemon = daemon
        domain = Domain(
            organization_id=scenario.organization_id, provisioners=frozenset({"echo"}), tags=tags.UNTAGGED
        )
        self.task = asyncio.create_task(acquirer.acquire(domain, self._claim))

    async def _claim(self) -> Claim | None:
        run = await self._daemon.claim()
        self.asked += 1
        return None if run is None else run.claim

    async def job(self) -> JobId:
        async with asyncio.timeout(10):
            return (await self.task).fence.job_id


async def until_parked(store: Store, parked: Iterable[Parked]) -> None:
    async with asyncio.timeout(10):
        while not all(each.asked for each in parked):
            await store.read(has_unfinished_job)


@pytest.mark.requirement("P6")
async def test_a_posted_job_wakes_a_parked_daemon(scenario: Scenario) -> None:
    acquirer = Acquirer(scenario.store.wakeups, scenario.store.clock, POLL)
    parked = Parked(scenario, scenario.daemon, acquirer)
    await until_parked(scenario.store, [parked])

    build = await scenario.create()

    assert await parked.job() == build.job.id


@pytest.mark.requirement("P6")
async def test_a_job_posted_by_another_process_wakes_a_parked_daemon(
    scenario: Scenario, other_store: Store
) -> None:
    acquirer = Acquirer(other_store.wakeups, other_store.clock, POLL)
    parked = Parked(scenario, scenario.daemon, acquirer)
    await until_parked(scenario.store, [parked])

    build = await scenario.create()

    assert await parked.job() == build.job.id


@pytest.mark.requirement("P6")
async def test_a_lost_wake_up_costs_one_poll(
    scenario: Scenario, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    scenario.store.wakeups.filter = lambda _notices: []
    # The first look at a SQLite file takes it for changed, since nobody knows what was before.
    monkeypatch.setattr(scenario.store.wakeups, "publish_all", lambda: None)
    acquirer = Acquirer(scenario.store.wakeups, clock, POLL)
    parked = Parked(scenario, scenario.daemon, acquirer)
    async with asyncio.timeout(10):
        while not clock.sleepers:
            await scenario.store.read(has_unfinished_job)
    build = await scenario.create()
    assert not parked.task.done()

    clock.advance(FIRST_POLL)

    assert await parked.job() == build.job.id


def repeated(notices: Notices) -> Notices:
    return [*notices, *notices, *notices]


def reordered(notices: Notices) -> Notices:
    return notices[::-1]


@pytest.mark.parametrize("filter_", [repeated, reordered])
async def test_repeated_and_reordered_wake_ups_change_nothing(scenario: Scenario, filter_: object) -> None:
    scenario.store.wakeups.filter = filter_  # type: ignore[assignment]
    acquirer = Acquirer(scenario.store.wakeups, scenario.store.clock, POLL)
    parked = [Parked(scenario, scenario.daemon, acquirer) for _ in range(5)]
    await until_parked(scenario.store, parked)

    builds = [await scenario.create() for _ in range(5)]
    jobs = [await each.job() for each in parked]

    assert sorted(jobs) == sorted(build.job.id for build in builds)


async def test_one_job_does_not_make_fifty_daemons_ask(scenario: Scenario) -> None:
    acquirer = Acquirer(scenario.store.wakeups, scenario.store.clock, POLL)
    parked = [Parked(scenario, scenario.daemon, acquirer) for _ in range(50)]
    await until_parked(scenario.store, parked)
    before = sum(each.asked for each in parked)

    await scenario.create()
    async with asyncio.timeout(10):
        done, waiting = await asyncio.wait(
            [each.task for each in parked], return_when=asyncio.FIRST_COMPLETED
        )
    await scenario.store.read(has_unfinished_job)
    asked = sum(each.asked for each in parked) - before
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)

    assert len(done) == 1
    # The one that got the job, and the next one, which looks whether there is more; on SQLite a hint from
    # outside may make one more look.
    assert asked <= 4


async def test_a_daemon_that_waits_is_woken_by_work_that_came_while_it_asked(scenario: Scenario) -> None:
    acquirer = Acquirer(scenario.store.wakeups, scenario.store.clock, POLL)
    posted: list[JobId] = []

    async def claim_late() -> Claim | None:
        run = await scenario.daemon.claim()
        if not posted:
            # After the database has answered "nothing", before the daemon has heard it.
            posted.append((await scenario.create()).job.id)
        return None if run is None else run.claim

    domain = Domain(
        organization_id=scenario.organization_id, provisioners=frozenset({"echo"}), tags=tags.UNTAGGED
    )
    async with asyncio.timeout(10):
        claim = await acquirer.acquire(domain, claim_late)

    assert [claim.fence.job_id] == posted


async def test_a_closed_store_can_be_opened_again(database_url: str, clock: FakeClock) -> None:
    for _ in range(3):
        async with open_store(database_url, clock=clock, migrate=False) as store:
            with store.wakeups.subscribe(queue.JOBS) as subscription:
                await store.write(say, queue.JOBS)
                async with asyncio.timeout(20):
                    assert await subscription.wait(None)
