"""The log of an agent: bounded as that of a job, and read in pieces that are, whatever was kept before."""

from db import agents
from db.ids import AgentId
from db.log_bounds import LEAST_SIZE_BYTES, LINE_LIMIT_BYTES, LOG_LIMIT_BYTES
from db.records import AgentLog
from db.states import LogLevel
from provisioner.protocol import Agent, Resource
from tests import unbounded_logs
from tests.scenario import Scenario


async def agent_of(scenario: Scenario) -> AgentId:
    """The agent of a running workspace."""
    build, run = await scenario.started()
    await run.finish(resources=(Resource(type="machine", name="box", agents=(Agent(name="main"),)),))
    (agent,) = await scenario.store.read(agents.of_build, build.id)
    return agent.id


async def append(scenario: Scenario, agent_id: AgentId, *outputs: str) -> None:
    lines = [(LogLevel.INFO, output) for output in outputs]
    await scenario.store.write(agents.append_logs, agent_id, lines)


async def stored(scenario: Scenario, agent_id: AgentId) -> list[AgentLog]:
    return await scenario.store.read(agents.logs, agent_id, limit=1 << 20)


async def test_a_full_log_of_an_agent_says_so_once_and_keeps_what_has_room(scenario: Scenario) -> None:
    agent_id = await agent_of(scenario)
    line = "x" * LINE_LIMIT_BYTES
    most = LOG_LIMIT_BYTES // LINE_LIMIT_BYTES

    await append(scenario, agent_id, *[line] * (most - 1))
    await append(scenario, agent_id, line)
    full = await stored(scenario, agent_id)
    await append(scenario, agent_id, "over", "and over")
    await append(scenario, agent_id, "later")

    assert [each.output for each in full] == [line] * most
    *kept, last = await stored(scenario, agent_id)
    assert kept == full
    assert last.level is LogLevel.WARN


async def test_empty_lines_fill_the_log_of_an_agent_as_well(scenario: Scenario) -> None:
    agent_id = await agent_of(scenario)
    room = LOG_LIMIT_BYTES // LEAST_SIZE_BYTES

    await append(scenario, agent_id, *[""] * (2 * room))

    assert len(await stored(scenario, agent_id)) == room + 1


async def test_the_log_of_one_agent_takes_no_room_from_another(scenario: Scenario) -> None:
    agent_id, other_id = await agent_of(scenario), await agent_of(scenario)
    await append(scenario, agent_id, *["x" * LINE_LIMIT_BYTES] * 20)

    await append(scenario, other_id, "hello")

    assert [line.output for line in await stored(scenario, other_id)] == ["hello"]


async def test_a_log_from_before_the_bounds_is_read_in_bounded_pieces(scenario: Scenario) -> None:
    agent_id = await agent_of(scenario)
    outputs = [f"{number:07}" * (LOG_LIMIT_BYTES // 14) for number in range(7)]
    await scenario.store.write(unbounded_logs.insert, agent_id, *outputs)
    pieces: list[list[AgentLog]] = []

    while piece := await scenario.store.read(agents.logs, agent_id, after=pieces[-1][-1].id if pieces else 0):
        pieces.append(piece)

    assert [line.output for piece in pieces for line in piece] == outputs
    assert max(sum(len(line.output) for line in piece[:-1]) for piece in pieces) <= LOG_LIMIT_BYTES
