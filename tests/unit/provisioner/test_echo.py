"""The echo provisioner plays what its files say."""

import asyncio
import json
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from db.clock import FakeClock
from db.states import LogLevel, Transition
from provisioner.errors import TemplateInvalid
from provisioner.protocol import Agent, Request, Resource
from provisioner.provisioners.echo import BrokenOff, EchoProvisioner
from provisioner.terminal import FailureReason, TerminalError

START = Request(transition=Transition.START)
STOP = Request(transition=Transition.STOP)


class Lines(list[tuple[LogLevel, str, str | None]]):
    def __call__(self, level: LogLevel, output: str, *, stage: str | None = None) -> None:
        self.append((level, output, stage))


@pytest.fixture
def clock() -> FakeClock:
    return FakeClock()


@pytest.fixture
def echo(clock: FakeClock) -> EchoProvisioner:
    return EchoProvisioner(clock)


@pytest.fixture
def lines() -> Lines:
    return Lines()


@pytest.fixture
def interrupt() -> asyncio.Event:
    return asyncio.Event()


def script(folder: Path, files: Mapping[str, object]) -> Path:
    for name, step in files.items():
        text = step if isinstance(step, str) else json.dumps(step)
        (folder / f"{name}.json").write_text(text)
    return folder


async def test_without_files_each_phase_says_so(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines, interrupt: asyncio.Event
) -> None:
    parsed = await echo.parse(tmp_path, lines)
    planned = await echo.plan(tmp_path, START, lines, interrupt)
    applied = await echo.apply(tmp_path, START, lines, interrupt)

    assert parsed.error == "no state: parse"
    assert planned.error == "no state: plan"
    assert applied.error == "no state: apply"


async def test_a_parse_answers_what_it_completes_with(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines
) -> None:
    variables = [{"name": "token", "sensitive": True}]
    source = script(tmp_path, {"0.parse": {"complete": {"readme": "Hi", "variables": variables}}})

    parsed = await echo.parse(source, lines)

    assert parsed.readme == "Hi"
    assert [variable.name for variable in parsed.variables] == ["token"]
    assert parsed.error == ""


async def test_steps_play_in_order_until_one_is_missing(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines, interrupt: asyncio.Event
) -> None:
    files = {
        "0.apply": {"log": {"level": "warn", "output": "one"}},
        "1.apply": {"log": {"output": "two", "stage": "Own"}, "repeat": 2},
        "2.apply": {"complete": {"state": "kept"}},
        "4.apply": {"log": {"output": "never"}},
    }

    applied = await echo.apply(script(tmp_path, files), START, lines, interrupt)

    assert lines == [
        (LogLevel.WARN, "one", None),
        (LogLevel.INFO, "two", "Own"),
        (LogLevel.INFO, "two", "Own"),
    ]
    assert applied.state == b"kept"


async def test_a_file_for_the_transition_beats_the_common_one(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines, interrupt: asyncio.Event
) -> None:
    files = {
        "0.plan": {"complete": {"cost": 5}},
        "0.stop.plan": {"complete": {"cost": 1}},
    }
    source = script(tmp_path, files)

    assert (await echo.plan(source, START, lines, interrupt)).cost == 5
    assert (await echo.plan(source, STOP, lines, interrupt)).cost == 1


async def test_without_plan_files_the_plan_is_taken_from_the_apply(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines, interrupt: asyncio.Event
) -> None:
    resources = [
        {"type": "vm", "name": "one", "daily_cost": 7, "agents": [{"name": "main"}]},
        {"type": "vm", "name": "two", "daily_cost": 8},
    ]
    complete = {"resources": resources, "parameters": [{"name": "p"}], "error": "no"}
    files = {"0.apply": {"log": {"output": "not now"}}, "1.apply": {"complete": complete}}

    planned = await echo.plan(script(tmp_path, files), START, lines, interrupt)

    assert planned.cost == 15
    assert planned.resources == (
        Resource(type="vm", name="one", daily_cost=7, agents=(Agent(name="main"),)),
        Resource(type="vm", name="two", daily_cost=8),
    )
    assert [parameter.name for parameter in planned.parameters] == ["p"]
    assert planned.error == "no"
    assert lines == []


async def test_a_delay_waits_on_the_clock(
    echo: EchoProvisioner,
    clock: FakeClock,
    tmp_path: Path,
    lines: Lines,
    interrupt: asyncio.Event,
) -> None:
    source = script(tmp_path, {"0.apply": {"delay_ms": 5000}, "1.apply": {"complete": {}}})

    async with asyncio.timeout(20):
        applying = asyncio.create_task(echo.apply(source, START, lines, interrupt))
        while not clock.sleepers:
            await clock.sleep(timedelta())
        clock.advance(timedelta(seconds=5))
        applied = await applying

    assert applied.error == ""


@pytest.mark.parametrize("step", [{"delay_ms": 5000}, {"log": {"output": "then nothing"}}])
async def test_an_interrupt_ends_a_wait(
    echo: EchoProvisioner,
    tmp_path: Path,
    lines: Lines,
    interrupt: asyncio.Event,
    step: Mapping[str, object],
) -> None:
    source = script(tmp_path, {"0.apply": step})

    async with asyncio.timeout(20):
        applying = asyncio.create_task(echo.apply(source, START, lines, interrupt))
        interrupt.set()
        applied = await applying

    assert applied.error == "canceled"


async def test_steps_after_ignore_interrupt_play_on(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines, interrupt: asyncio.Event
) -> None:
    files = {
        "0.apply": {"ignore_interrupt": True},
        "1.apply": {"delay_ms": 0},
        "2.apply": {"complete": {"state": "done"}},
    }
    interrupt.set()

    applied = await echo.apply(script(tmp_path, files), START, lines, interrupt)

    assert applied.state == b"done"


async def test_a_terminal_step_raises_its_reason(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines, interrupt: asyncio.Event
) -> None:
    step = {"terminal": {"reason": "LICENSE_EXHAUSTED", "detail": "no seats: S-1"}}

    with pytest.raises(TerminalError) as caught:
        await echo.plan(script(tmp_path, {"0.plan": step}), START, lines, interrupt)

    assert caught.value.details[0].reason is FailureReason.LICENSE_EXHAUSTED  # type: ignore[attr-defined]
    assert str(caught.value) == "no seats: S-1"


async def test_a_crash_breaks_off(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines, interrupt: asyncio.Event
) -> None:
    with pytest.raises(BrokenOff):
        await echo.apply(script(tmp_path, {"0.apply": {"crash": True}}), START, lines, interrupt)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("{", "0.plan.json:1"),
        ("[]", "0.plan.json"),
        ("\xff", "0.plan.json"),
        ('{"compleet": {}}', '"complete"'),
        ('{"complete": []}', '"complete"'),
        ('{"complete": {"cost": "x"}}', '"complete.cost"'),
        ('{"complete": {"cost": -1}}', '"complete.cost"'),
        ('{"complete": {"cost": 1e400}}', '"complete.cost"'),
        ('{"complete": {"resources": [{"type": "vm"}]}}', '"complete.resources[0].name"'),
        ('{"log": {"level": "loud", "output": "x"}}', '"log.level"'),
        ('{"terminal": {"reason": "UNSPECIFIED"}}', '"terminal.reason"'),
        ('{"delay_ms": -1}', '"delay_ms"'),
        ('{"log": {"output": "x"}, "repeat": 1000000000}', '"repeat"'),
    ],
)
async def test_a_mistake_in_a_file_is_named(
    echo: EchoProvisioner, tmp_path: Path, lines: Lines, text: str, named: str
) -> None:
    (tmp_path / "0.plan.json").write_bytes(text.encode("latin-1"))

    with pytest.raises(TemplateInvalid) as caught:
        await echo.plan(tmp_path, START, lines, asyncio.Event())

    assert named in str(caught.value)
