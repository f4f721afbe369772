"""The log of a job: bounded, in order, and seen by those who follow it."""

import asyncio
from datetime import timedelta

from db import builds
from db.clock import FakeClock
from db.log_bounds import LEAST_SIZE_BYTES, LOG_LIMIT_BYTES
from db.states import LogLevel
from provisioner import joblogs
from tests.scenario import Scenario

KIB = 1024


async def test_lines_are_read_in_the_order_they_were_written(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)

    await run.log("1", "2")
    await run.log("3")

    lines = await scenario.logs(build.job.id)
    assert [line.output for line in lines] == ["1", "2", "3"]
    assert [line.id for line in lines] == sorted(line.id for line in lines)


async def test_a_reader_goes_on_after_the_last_line_it_has(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    await run.log("1", "2", "3")
    first = (await scenario.logs(build.job.id))[0]

    rest = await scenario.store.read(builds.logs, build.job.id, after=first.id, limit=1)

    assert [line.output for line in rest] == ["2"]


async def test_the_tail_leaves_out_what_is_not_worth_showing(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    await run.log("first", "", "second")
    await run.log("detail", level=LogLevel.DEBUG)

    tail = await scenario.store.read(builds.log_tail, build.job.id, limit=1)

    assert [line.output for line in tail] == ["second"]


async def test_the_stage_of_a_job_is_that_of_its_last_line(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)

    await run.log("1", stage="Setting up")
    await run.log("2", stage="Commit quota")

    assert (await scenario.job(build.job.id)).stage == "Commit quota"


async def test_new_lines_wake_those_who_follow(scenario: Scenario) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    topics = (joblogs.topic(build.job.id), builds.topic(build.id))

    for topic in topics:
        with scenario.store.wakeups.subscribe(topic) as follower:
            await run.log("new")
            async with asyncio.timeout(20):
                assert await follower.wait(None)


async def test_a_full_log_says_so_once_and_the_build_goes_on(scenario: Scenario) -> None:
    build, run = await scenario.started()
    line = "x" * (64 * KIB)
    await run.log(*[line] * 15)
    assert not (await scenario.job(build.job.id)).logs_overflowed

    await run.log(line, "over", line)
    await run.log("later")
    await run.finish(lines=[run.line("last")])

    stored = await scenario.logs(build.job.id)
    assert (await scenario.job(build.job.id)).logs_overflowed
    assert [len(each.output) for each in stored[:16]] == [64 * KIB] * 16
    assert [each.level for each in stored[16:]] == [LogLevel.WARN]
    assert (await scenario.job(build.job.id)).status == "succeeded"


async def test_a_log_that_is_exactly_full_has_not_overflowed(scenario: Scenario) -> None:
    build, run = await scenario.started()

    await run.log(*["x" * (64 * KIB)] * 16)

    assert not (await scenario.job(build.job.id)).logs_overflowed
    await run.log("y")
    assert (await scenario.job(build.job.id)).logs_overflowed


async def test_empty_lines_fill_a_log_as_well(scenario: Scenario) -> None:
    build, run = await scenario.started()
    room = LOG_LIMIT_BYTES // LEAST_SIZE_BYTES

    for _ in range(room // 2**12):
        await run.log(*[""] * 2**12)
    assert not (await scenario.job(build.job.id)).logs_overflowed
    await run.log("", "")

    stored = await scenario.store.read(builds.logs, build.job.id, limit=2 * room)
    assert (await scenario.job(build.job.id)).logs_overflowed
    assert (len(stored), stored[-1].level) == (room + 1, LogLevel.WARN)


async def test_a_follower_never_misses_a_line_of_two_writers(scenario: Scenario, clock: FakeClock) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    writers = 4
    seen: list[str] = []

    async def follow() -> None:
        last = 0
        with scenario.store.wakeups.subscribe(joblogs.topic(build.job.id)) as lines:
            while len(seen) < 10 * writers:
                for line in await scenario.store.read(builds.logs, build.job.id, after=last):
                    seen.append(line.output)
                    last = line.id
                if len(seen) < 10 * writers:
                    await lines.wait(None)

    async def write(name: int) -> None:
        for number in range(10):
            line = run.line(f"{name}:{number}")
            await scenario.store.write(joblogs.append_unfenced, build.job.id, [line])

    async with asyncio.timeout(20), asyncio.TaskGroup() as group:
        group.create_task(follow())
        for name in range(writers):
            group.create_task(write(name))

    assert sorted(seen) == sorted(f"{name}:{number}" for name in range(writers) for number in range(10))


async def test_lines_of_a_lost_attempt_stay(scenario: Scenario, clock: FakeClock) -> None:
    build = await scenario.create()
    run = await scenario.claimed(build.job.id)
    await run.log("first attempt")
    clock.advance(scenario.lost)
    await scenario.reap()
    run = await scenario.claimed(build.job.id)
    clock.advance(timedelta(seconds=1))

    await run.log("second attempt")

    outputs = [line.output for line in await scenario.logs(build.job.id)]
    assert (outputs[0], outputs[-1], len(outputs)) == ("first attempt", "second attempt", 3)
