"""From each trouble the answers lead an agent to a workspace that can be used; docs/recovery.md shows how."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from pathlib import Path

import pytest

from chattool.engine import open_engine
from chattool.settings import ToolSettings
from db.records import Template
from db.states import AgentLifecycle
from tests.conftest import Golden
from tests.integration.recovery.scripted_agent import ScriptedAgent, User
from tests.integration.tools.engine_host import EngineHost, HeldEcho, costing

PAGE = Path(__file__).parents[3] / "docs" / "recovery.md"


@pytest.fixture
async def host(tmp_path: Path) -> AsyncIterator[EngineHost]:
    echo = HeldEcho()
    settings = ToolSettings(agent_connect_window=timedelta(milliseconds=200))
    url = f"sqlite:///{tmp_path / 'chattool.sqlite3'}"
    async with open_engine(url, user="ana", provisioners=[echo], tool_settings=settings) as engine:
        await engine.set_allowance("Everyone", 40)
        yield EngineHost(engine, echo, tmp_path, engine)
        echo.gate.set()


async def nobody(said: str) -> None:
    raise AssertionError(f"the agent could not help itself: {said}")


async def an_agent(host: EngineHost, template: Template, user: User = nobody) -> ScriptedAgent:
    return ScriptedAgent(await host.engine.toolset(), user, str(template.id))


@pytest.fixture
def shown(golden: Golden) -> Callable[[str, ScriptedAgent], None]:
    """Compares what was said with its part of the page."""

    def check(title: str, agent: ScriptedAgent) -> None:
        golden.check_section(PAGE, title, "\n".join(["```text", *agent.transcript, "```"]))

    return check


async def test_a_full_quota(host: EngineHost, shown: Callable[[str, ScriptedAgent], None]) -> None:
    template = await host.template(start_apply=costing(30))
    await host.create(template, chat="another", name="other")

    async def give_more_room(said: str) -> None:
        assert "ask an administrator to raise your group quota allowance" in said
        await host.engine.set_allowance("Everyone", 60)

    agent = await an_agent(host, template, give_more_room)
    answer = await agent.work("create_workspace", template_id=str(template.id), name="dev")

    assert agent.called == ["create_workspace", "get_workspace_quota", "create_workspace"]
    assert answer["status"] == "rebuilt"
    shown("A full quota", agent)


async def test_a_stopped_workspace(host: EngineHost, shown: Callable[[str, ScriptedAgent], None]) -> None:
    template = await host.template()
    await host.create(template, name="dev")
    await host.stop()

    agent = await an_agent(host, template)
    answer = await agent.work("create_workspace", template_id=str(template.id))

    assert agent.called == ["create_workspace", "start_workspace"]
    assert answer["started"] is True
    shown("A stopped workspace", agent)


async def test_a_failed_build(host: EngineHost, shown: Callable[[str, ScriptedAgent], None]) -> None:
    template = await host.template(start_plan={}, start_apply={"error": "no such image: python:3.99"})

    async def mend_the_template(said: str) -> None:
        assert "no such image" in said
        await host.template(start_plan={}, start_apply={})

    agent = await an_agent(host, template, mend_the_template)
    answer = await agent.work("create_workspace", template_id=str(template.id), name="dev")

    assert agent.called == ["create_workspace", "get_workspace_build_logs", "create_workspace"]
    assert answer["status"] == "rebuilt"
    shown("A failed build", agent)


async def test_an_agent_that_is_away(host: EngineHost, shown: Callable[[str, ScriptedAgent], None]) -> None:
    template = await host.template(start_apply=costing(5, "main"))
    await host.create(template, name="dev", wait_seconds=0)
    first = await host.built()
    await host.report(await host.agent(), AgentLifecycle.OFF)

    async def come_back() -> None:
        """The machine of the next start reports as soon as it is there."""
        while (build := await host.build()).build_number < first.build_number + 2:
            await host.told(len(host.heard) + 1)
        await host.built()
        (found,) = await host.engine.backend.agents(build.id)
        await host.report(found, AgentLifecycle.READY)

    agent = ScriptedAgent(await host.listening_toolset(), nobody, str(template.id))
    machine = asyncio.create_task(come_back())
    answer = await agent.work("start_workspace")
    await machine

    assert agent.called == ["start_workspace", "stop_workspace", "start_workspace"]
    assert answer["agent_status"] == "ready"
    shown("An agent that is away", agent)


async def test_a_build_that_still_runs(host: EngineHost, shown: Callable[[str, ScriptedAgent], None]) -> None:
    template = await host.template()
    host.echo.gate.clear()

    agent = await an_agent(host, template)
    work = asyncio.create_task(
        agent.work("create_workspace", template_id=str(template.id), name="dev", wait_seconds=0)
    )
    async with asyncio.timeout(20):
        await host.echo.reached.wait()
    host.echo.gate.set()
    answer = await work

    assert agent.called == ["create_workspace", "wait_for_workspace"]
    assert answer["status"] == "running"
    shown("A build that still runs", agent)
