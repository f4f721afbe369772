"""start_workspace and stop_workspace on a real engine."""

import asyncio

import pytest

from db import users
from db.states import AgentLifecycle, Transition
from tests.integration.tools.engine_host import EngineHost, costing

SIZE = {"name": "size", "type": "string", "required": True}


async def test_a_stop_and_a_start_each_make_one_build(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(20))
    created = await host.create(template)

    stopped = await host.stop()
    started = await host.start()

    identity = {name: created[name] for name in ("workspace_id", "workspace_name")}
    assert stopped == {"stopped": True, **identity, "build_id": stopped["build_id"]}
    assert started == {
        "started": True,
        **identity,
        "build_id": started["build_id"],
        "agent_status": "no_agent",
    }
    assert (await host.build()).build_number == 3
    assert len(host.heard) == 6


async def test_repeating_a_stop_or_a_start_needs_no_build(host: EngineHost) -> None:
    await host.create(await host.template())

    assert (await host.start())["no_build"] is True
    await host.stop()

    assert (await host.stop())["no_build"] is True
    assert (await host.build()).build_number == 2


async def test_a_refused_start_says_by_how_much(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(30))
    await host.create(template)
    await host.stop()
    await host.create(template, chat="second")

    answer = await host.start()

    assert answer["error"] == "workspace start build failed: insufficient quota"
    assert "could not start this workspace" in answer["message"]
    assert answer["quota"] == {"credits_consumed": 30, "budget": 40, "cost": 30}


async def test_a_missing_parameter_names_the_template(host: EngineHost) -> None:
    template = await host.template()
    await host.create(template)
    await host.stop()
    await host.template(start_plan={"parameters": [SIZE]}, start_apply={})

    answer = await host.start(parameters={"other": "x"})

    assert answer["template_id"] == str(template.id)
    assert answer["validations"]
    assert answer["workspace_name"]


async def test_a_start_stays_on_the_workspaces_version(host: EngineHost) -> None:
    await host.create(await host.template())
    await host.stop()
    before = (await host.build()).template_version_id
    await host.template(start_apply=costing(50))

    answer = await host.start()

    assert answer["started"] is True
    assert "updated_to_active_version" not in answer
    assert (await host.build()).template_version_id == before


async def test_a_start_that_joins_a_stop_starts(host: EngineHost) -> None:
    await host.create(await host.template())
    host.echo.gate.clear()
    stop = await host.transition(Transition.STOP)

    call = asyncio.create_task(host.start())
    await host.told(3)
    host.echo.gate.set()

    answer = await call
    build = await host.build()
    assert answer["started"] is True
    assert answer["build_id"] == str(build.id) != str(stop.id)
    assert build.transition is Transition.START


async def test_a_stop_that_joins_a_failing_start_stops(host: EngineHost) -> None:
    await host.create(await host.template(start_plan={}, start_apply={"error": "no such image"}))
    host.echo.gate.clear()
    await host.start(wait_seconds=0)

    call = asyncio.create_task(host.stop())
    await host.told(3)
    host.echo.gate.set()

    answer = await call
    assert answer["stopped"] is True
    assert (await host.build()).transition is Transition.STOP


async def test_a_deleted_workspace_is_sent_to_create(host: EngineHost) -> None:
    await host.create(await host.template())
    await host.transition(Transition.DELETE)
    host.echo.gate.set()

    for tool in ("start_workspace", "stop_workspace"):
        response = await host.call(tool)
        assert response.content == "workspace was deleted; use create_workspace to make a new one"


@pytest.mark.parametrize("tool", ["start_workspace", "stop_workspace"])
async def test_a_new_chat_is_sent_to_create(host: EngineHost, tool: str) -> None:
    response = await host.call(tool)

    assert response.content == "chat has no workspace; use create_workspace first"


@pytest.mark.parametrize("surface", ["engine"])  # over HTTP a suspended user is not even signed in
async def test_a_suspended_owner_may_start_nothing_but_still_hears_what_runs(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(5, "main"))
    await host.create(template, wait_seconds=0)
    await host.built()
    await host.report(await host.agent(), AgentLifecycle.READY)
    await host.engine.store.write(users.set_user_status, host.engine.user.id, "suspended")

    running = await host.start()
    refused = await host.call("stop_workspace")

    assert (running["no_build"], running["agent_status"]) == (True, "ready")
    assert refused.content.startswith("load user authorization: ")
