"""spec: progress of a call."""

import asyncio
import itertools
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from chattool.results import ToolResponse
from db.states import AgentConnection, Transition
from tests.unit.chattool.fake_backend import an_agent, log_lines, pass_time, settle
from tests.unit.chattool.host import Host

SECOND = timedelta(seconds=1)


@dataclass
class Screen:
    """A host that shows progress, and when it came."""

    host: Host
    shown: list[tuple[timedelta, float, float | None, str]] = field(default_factory=list)

    async def __call__(self, value: float, total: float | None, message: str) -> None:
        self.shown.append((self.host.backend.clock.monotonic(), value, total, message))

    @property
    def messages(self) -> list[str]:
        return [message for *_, message in self.shown]

    @property
    def values(self) -> list[float]:
        return [value for _, value, _, _ in self.shown]

    def begin(self, tool: str = "wait_for_workspace", **arguments: object) -> asyncio.Task[ToolResponse]:
        self.host.configure(on_progress=self)
        return self.host.begin(tool, **arguments)

    async def says(self, *outputs: str) -> None:
        """The build writes lines into its log."""
        backend = self.host.backend
        known = len(backend.log)
        backend.log += [replace(line, id=known + line.id) for line in log_lines(outputs)]
        backend.wakeups.publish([(f"build:{self.host.latest.id}", "")])
        await settle(backend.clock)


@pytest.fixture
def screen(host: Host) -> Screen:
    return Screen(host)


async def test_a_phase_is_told_at_once_and_those_that_do_not_occur_are_skipped(screen: Screen) -> None:
    _, build = screen.host.has(status="pending")
    call = screen.begin()
    await settle(screen.host.backend.clock)
    for stage in ("Setting up", "Planning infrastructure", "Starting workspace"):
        screen.host.backend.change(build.id, status="running", stage=stage)
        await settle(screen.host.backend.clock)
    screen.host.backend.change(build.id, status="succeeded")
    await call

    assert [(value, total, message) for _, value, total, message in screen.shown] == [
        (1, 9, "pending"),
        (2, 9, "Setting up"),
        (3, 9, "Planning infrastructure"),
        (5, 9, "Starting workspace"),
    ]


async def test_an_agent_has_phases_of_its_own(screen: Screen) -> None:
    screen.host.has(agents=[an_agent(connection=AgentConnection.CONNECTING, lifecycle_state="starting")])
    call = screen.begin(wait_seconds=1)
    await pass_time(screen.host.backend.clock, SECOND)
    await call

    assert screen.shown[0][1:] == (7, 9, "connecting to the agent")


async def test_the_newest_line_of_the_log_is_shown_at_most_four_times_a_second(screen: Screen) -> None:
    screen.host.has(status="running", stage="Starting workspace")
    call = screen.begin(wait_seconds=5)
    await settle(screen.host.backend.clock)
    for number in range(20):
        await screen.says(f"line {number}")
        await pass_time(screen.host.backend.clock, timedelta(milliseconds=50))
    await pass_time(screen.host.backend.clock, SECOND)
    call.cancel()

    times = [moment for moment, *_ in screen.shown]
    assert all(later - earlier >= timedelta(milliseconds=250) for earlier, later in itertools.pairwise(times))
    assert 3 <= len(times) <= 7
    assert screen.messages[0] == "Starting workspace"
    assert screen.messages[-1] == "Starting workspace: line 19"


async def test_while_nothing_happens_a_host_hears_of_it_every_ten_seconds(screen: Screen) -> None:
    screen.host.has(status="running", stage="Starting workspace")
    call = screen.begin(wait_seconds=60)
    await pass_time(screen.host.backend.clock, 45 * SECOND)
    call.cancel()

    assert screen.messages == [
        "Starting workspace",
        *(f"Starting workspace: {seconds} s" for seconds in (10, 20, 30, 40)),
    ]


async def test_values_rise_strictly_and_stay_below_the_next_phase(screen: Screen) -> None:
    _, build = screen.host.has(status="running", stage="Setting up")
    call = screen.begin(wait_seconds=600)
    await pass_time(screen.host.backend.clock, 300 * SECOND)
    screen.host.backend.change(build.id, stage="Planning infrastructure")
    await pass_time(screen.host.backend.clock, 30 * SECOND)
    call.cancel()

    assert screen.values == sorted(set(screen.values))
    assert [value for value in screen.values if 2 < value < 3]
    assert 3 in screen.values
    assert max(screen.values) < 4


async def test_a_second_build_of_the_same_call_goes_on_from_the_first(screen: Screen) -> None:
    _, stop = screen.host.has(Transition.STOP, status="running", stage="Stopping workspace")
    screen.host.backend.ends = None
    call = screen.begin("start_workspace")
    await settle(screen.host.backend.clock)
    screen.host.backend.change(stop.id, status="succeeded")
    await settle(screen.host.backend.clock)
    screen.host.backend.change(screen.host.latest.id, status="succeeded")
    await call

    assert [(value, total) for _, value, total, _ in screen.shown] == [(5, 9), (10, 18)]


async def test_the_place_in_the_queue_is_a_notice(screen: Screen) -> None:
    screen.host.has(status="pending", queue_position=3, queue_size=5)
    call = screen.begin(wait_seconds=2)
    await pass_time(screen.host.backend.clock, SECOND)
    call.cancel()

    assert screen.messages == ["pending", "pending: 3 of 5 in the queue"]


async def test_a_message_is_one_short_line_that_can_be_printed(screen: Screen) -> None:
    screen.host.has(status="running", stage="Starting workspace")
    call = screen.begin(wait_seconds=2)
    await settle(screen.host.backend.clock)
    await screen.says("\x1b[31mred\x07" + "x" * 1000)
    await pass_time(screen.host.backend.clock, SECOND)
    call.cancel()

    assert len(screen.messages[-1]) == 200
    assert screen.messages[-1].isprintable()


async def test_a_host_that_shows_no_progress_costs_no_read_of_the_log(host: Host) -> None:
    host.has(status="running")

    await host.call("wait_for_workspace", wait_seconds=1)

    assert "build_log_tail" not in host.calls
