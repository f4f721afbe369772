"""The fake clock stands still and wakes in order; the database's clock follows the server."""

import asyncio
from datetime import UTC, datetime, timedelta

from db.clock import DatabaseClock, FakeClock, jittered, shuffled

SECOND = timedelta(seconds=1)


async def test_sleepers_wake_in_the_order_of_their_moments() -> None:
    clock, woken = FakeClock(), []

    async def sleep(seconds: int) -> None:
        await clock.sleep(seconds * SECOND)
        woken.append(seconds)

    async with asyncio.TaskGroup() as group:
        for seconds in (3, 1, 2):
            group.create_task(sleep(seconds))
        await asyncio.wait([group.create_task(clock.sleep(timedelta()))])
        clock.advance(2 * SECOND)
        await asyncio.wait([group.create_task(clock.sleep(timedelta())) for _ in range(3)])
        assert woken == [1, 2]
        clock.advance(SECOND)

    assert woken == [1, 2, 3]


async def test_a_wait_ends_with_its_event_or_with_its_time() -> None:
    clock, event = FakeClock(), asyncio.Event()
    waits = [asyncio.create_task(clock.wait(event, SECOND)) for _ in range(2)]
    while clock.sleepers < 2:
        await clock.sleep(timedelta())

    clock.advance(SECOND)
    timed_out = await waits[0]
    event.set()

    assert not timed_out
    assert await clock.wait(event, SECOND)
    await waits[1]


async def test_time_passes_only_when_it_is_moved() -> None:
    clock = FakeClock()
    before = clock.now()

    clock.advance(90 * SECOND)

    assert clock.now() - before == clock.monotonic() == 90 * SECOND


def test_the_clock_of_a_database_shows_what_the_server_showed() -> None:
    clock = DatabaseClock()
    reading = datetime(2030, 1, 1, tzinfo=UTC)
    moment = clock.monotonic()

    clock.synchronize(reading, before=moment, after=moment + 2 * SECOND)

    assert clock.now() - (reading - SECOND) == clock.monotonic() - moment or clock.now() >= reading - SECOND


def test_jitter_stays_within_its_spread() -> None:
    durations = [jittered(10 * SECOND) for _ in range(200)]

    assert all(8 * SECOND <= duration <= 12 * SECOND for duration in durations)
    assert len(set(durations)) > 1


def test_shuffling_keeps_every_item() -> None:
    assert sorted(shuffled(range(50))) == list(range(50))
