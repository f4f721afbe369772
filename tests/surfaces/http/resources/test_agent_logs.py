"""What agents log over HTTP, whatever that is, and what their readers get."""

import asyncio
from uuid import UUID

import pytest

from db.ids import AgentId
from db.log_bounds import LINE_LIMIT_BYTES, LOG_LIMIT_BYTES
from provisioner.protocol import Agent, Resource
from tests import unbounded_logs
from tests.surfaces.http.resources.fleet import Fleet
from tests.surfaces.http.resources.readers import Reader, event_stream, websocket

AGENT_TOKEN = "an-agent-of-ben"  # noqa: S105 - a test's
MACHINE = Resource(type="machine", name="dev", agents=(Agent(name="main", token=AGENT_TOKEN),))
LONG_LINES = [str(number) * (LOG_LIMIT_BYTES // 2) for number in range(7)]


async def agent_of(fleet: Fleet) -> str:
    """The id of the agent of Ben's workspace."""
    workspace = await fleet.running(fleet.ben, resources=[MACHINE])
    agent_id: str = workspace["latest_build"]["resources"][0]["agents"][0]["id"]
    return agent_id


async def test_an_agent_that_logs_without_end_fills_its_log_and_is_not_refused(fleet: Fleet) -> None:
    agent_id = await agent_of(fleet)
    agent = await fleet.api.client(AGENT_TOKEN)

    for _ in range(20):
        answer = await agent.post("/workspaceagents/me/logs", json={"logs": [{"output": "x" * 1_000_000}]})
        assert answer.status_code == 204

    outputs = [line["output"] for line in (await fleet.ben.get(f"/workspaceagents/{agent_id}/logs")).json()]
    assert outputs[0].startswith("x" * LINE_LIMIT_BYTES)
    assert LOG_LIMIT_BYTES - 2 * LINE_LIMIT_BYTES < sum(map(len, outputs)) < LOG_LIMIT_BYTES + 1000


async def test_a_log_from_before_the_bounds_is_read_whole(fleet: Fleet) -> None:
    agent_id = await agent_of(fleet)
    await fleet.api.store.write(unbounded_logs.insert, AgentId(UUID(agent_id)), *LONG_LINES)

    for most in (0, 4):
        answer = await fleet.ben.get(f"/workspaceagents/{agent_id}/logs", params={"limit": most})
        assert [line["output"] for line in answer.json()] == LONG_LINES[: most or None]


@pytest.mark.parametrize("reader", [pytest.param(event_stream, id="sse"), pytest.param(websocket, id="ws")])
async def test_a_log_from_before_the_bounds_is_followed_whole(fleet: Fleet, reader: Reader) -> None:
    agent_id = await agent_of(fleet)
    await fleet.api.store.write(unbounded_logs.insert, AgentId(UUID(agent_id)), *LONG_LINES)

    async with asyncio.timeout(30), reader(fleet.api, fleet.ben, f"/workspaceagents/{agent_id}/logs") as log:
        assert [(await log.next())["output"] for _ in LONG_LINES] == LONG_LINES
