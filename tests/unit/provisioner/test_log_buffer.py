"""The buffer that a runner logs through."""

import asyncio
from collections.abc import Sequence

from db.clock import FakeClock
from db.log_bounds import LINE_LIMIT_BYTES, LOG_LIMIT_BYTES
from db.states import LogLevel, LogSource
from provisioner import log_buffer
from provisioner.jobs import Line
from provisioner.log_buffer import LogBuffer


class Sent:
    """What a buffer has sent."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.came = asyncio.Event()

    async def __call__(self, lines: Sequence[Line]) -> None:
        self.batches.append([line.output for line in lines])
        self.came.set()


async def test_lines_are_sent_when_the_oldest_is_old_enough() -> None:
    clock, sent = FakeClock(), Sent()
    buffer = LogBuffer(clock, sent)
    task = asyncio.create_task(buffer.run())
    buffer.say("one")
    while not clock.sleepers:
        await clock.sleep(log_buffer.MAX_AGE * 0)
    buffer.say("two")
    assert sent.batches == []

    clock.advance(log_buffer.MAX_AGE)
    async with asyncio.timeout(20):
        await sent.came.wait()
    task.cancel()

    assert sent.batches == [["one", "two"]]


async def test_many_lines_are_sent_at_once() -> None:
    sent = Sent()
    buffer = LogBuffer(FakeClock(), sent)
    task = asyncio.create_task(buffer.run())

    for number in range(log_buffer.MAX_LINES):
        buffer.say(str(number))
    async with asyncio.timeout(20):
        await sent.came.wait()
    task.cancel()

    assert len(sent.batches[0]) == log_buffer.MAX_LINES


async def test_the_buffer_holds_no_more_than_the_job_may_store() -> None:
    buffer = LogBuffer(FakeClock(), Sent())

    for _ in range(100):
        buffer.provisioner(LogLevel.INFO, "x" * LINE_LIMIT_BYTES)

    held = sum(len(line.output) for line in buffer.drain())
    assert held <= LOG_LIMIT_BYTES + LINE_LIMIT_BYTES


async def test_secrets_are_masked_longest_first() -> None:
    buffer = LogBuffer(FakeClock(), Sent())
    buffer.mask(["secret", "secret-longer", "abc"])

    buffer.say("a secret-longer one, a secret one, abc")

    assert [line.output for line in buffer.drain()] == ["a ******** one, a ******** one, abc"]


async def test_a_line_knows_its_stage_and_source() -> None:
    buffer = LogBuffer(FakeClock(), Sent())
    buffer.enter("Planning infrastructure")
    buffer.provisioner(LogLevel.WARN, "own", stage="its own")

    first, second = buffer.drain()

    assert (first.source, first.stage, first.output) == (
        LogSource.PROVISIONER_DAEMON,
        "Planning infrastructure",
        "Planning infrastructure",
    )
    assert (second.source, second.stage, second.level) == (LogSource.PROVISIONER, "its own", LogLevel.WARN)


async def test_a_flood_is_sent_in_batches_and_leaves_one_for_the_end() -> None:
    sent: list[int] = []

    async def send(lines: Sequence[Line]) -> None:
        sent.append(len(lines))

    buffer = LogBuffer(FakeClock(), send)
    for _ in range(2 * log_buffer.BATCH_LINES + 1):
        buffer.provisioner(LogLevel.INFO, "x")

    assert await buffer.rest() == []
    assert sent == [log_buffer.BATCH_LINES, log_buffer.BATCH_LINES, 1]
    buffer.provisioner(LogLevel.INFO, "the last")
    assert [line.output for line in await buffer.rest()] == ["the last"]
