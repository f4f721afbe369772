"""create_workspace on a real engine."""

import asyncio
import re

from db.states import AgentLifecycle, Transition
from provisioner import cancel
from tests.integration.tools.engine_host import EngineHost, costing, fields


async def test_a_create_builds_binds_and_tells_the_host_twice(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(20))

    answer = await host.create(template, name="dev")

    chat = await host.chat()
    assert answer == {
        "created": True,
        "workspace_id": str(chat.workspace_id),
        "workspace_name": "ana/dev",
        "build_id": str(chat.build_id),
        "agent_status": "no_agent",
    }
    assert [told.build_id for told in host.heard] == [chat.build_id] * 2


async def test_a_refused_create_says_by_how_much(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(30))
    await host.create(template, chat="first")

    answer = await host.create(template)

    assert answer["error_code"] == "INSUFFICIENT_QUOTA"
    assert answer["error"] == "workspace build failed: insufficient quota"
    assert answer["quota"] == {"credits_consumed": 30, "budget": 40, "cost": 30}
    assert answer["build_id"] == str((await host.build()).id)


async def test_a_refused_create_is_built_again_once_there_is_room(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(50))
    refused = await host.create(template)
    await host.engine.set_allowance("Everyone", 50)

    answer = await host.create(template)

    assert (answer["created"], answer["status"]) == (False, "rebuilt")
    assert answer["workspace_id"] == refused["workspace_id"]
    assert answer["build_id"] != refused["build_id"]


async def test_a_failed_build_answers_with_its_log(host: EngineHost) -> None:
    template = await host.template(start_plan={}, start_apply={"error": "no such image"})

    answer = await host.create(template)

    assert answer["error"] == "workspace build failed: no such image"
    assert any(line.startswith("[") for line in answer["last_log_lines"])
    assert "quota" not in answer


async def test_text_about_quota_makes_no_quota_result(host: EngineHost) -> None:
    template = await host.template(start_plan={}, start_apply={"error": "insufficient quota"})

    answer = await host.create(template)

    assert answer["error"] == "workspace build failed: insufficient quota"
    assert "error_code" not in answer


async def test_a_taken_name_gets_a_suffix(host: EngineHost) -> None:
    template = await host.template()
    await host.create(template, chat="first", name="dev")

    answer = await host.create(template, name="dev")

    assert re.fullmatch(r"ana/dev-[0-9a-f]{4}", answer["workspace_name"])


async def test_an_unknown_template_is_a_text_error(host: EngineHost) -> None:
    response = await host.call("create_workspace", {"template_id": "7b0f0f2e-0000-4000-8000-000000000000"})

    assert response.content.startswith("look up template: ")


async def test_an_unknown_parameter_is_a_structured_refusal(host: EngineHost) -> None:
    template = await host.template()

    answer = await host.create(template, parameters={"sizze": "big"})

    assert [each["field"] for each in answer["validations"]] == ["sizze"]
    assert (await host.chat()).workspace_id is None


async def test_an_agent_is_waited_for_until_it_is_ready(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(5, "main"))
    told = asyncio.Event()

    async def hear(value: float, total: float | None, message: str) -> None:
        if message == "connecting to the agent":
            told.set()

    toolset = await host.tools.toolset()
    call = asyncio.create_task(toolset.dispatch("create_workspace", {"template_id": str(template.id)}, hear))
    async with asyncio.timeout(20):
        await told.wait()
        await host.report(await host.agent(), AgentLifecycle.READY)
        answer = fields(await call)

    assert (answer["created"], answer["agent_status"]) == (True, "ready")


async def test_a_second_call_finds_the_workspace(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(5, "main"))
    first = await host.create(template, wait_seconds=0)
    await host.built()
    await host.report(await host.agent(), AgentLifecycle.READY)

    answer = await host.create(template)

    assert (answer["status"], answer["agent_status"]) == ("already_exists", "ready")
    assert answer["message"] == "workspace is already running and recently connected"
    assert answer["workspace_id"] == first["workspace_id"]


async def test_an_agent_that_was_switched_off_is_replaced(host: EngineHost) -> None:
    template = await host.template(start_apply=costing(5, "main"))
    first = await host.create(template, wait_seconds=0)
    await host.built()
    await host.report(await host.agent(), AgentLifecycle.OFF)

    answer = await host.create(template, wait_seconds=0)

    assert answer["created"] is True
    assert answer["replaced_workspace"] == {
        "workspace_id": first["workspace_id"],
        "workspace_name": first["workspace_name"],
        "reason": "agent_disconnected",
    }


async def test_a_create_that_joins_a_stop_answers_stopped(host: EngineHost) -> None:
    template = await host.template()
    await host.create(template)
    host.echo.gate.clear()
    stop = await host.transition(Transition.STOP)

    call = asyncio.create_task(host.create(template))
    await host.told(3)
    host.echo.gate.set()

    answer = await call
    assert (answer["status"], answer["build_id"]) == ("stopped", str(stop.id))


async def test_a_create_that_joins_a_delete_creates(host: EngineHost) -> None:
    template = await host.template()
    first = await host.create(template)
    host.echo.gate.clear()
    await host.transition(Transition.DELETE)

    call = asyncio.create_task(host.create(template))
    await host.told(3)
    host.echo.gate.set()

    answer = await call
    assert answer["created"] is True
    assert answer["workspace_id"] != first["workspace_id"]
    assert "replaced_workspace" not in answer


async def test_a_build_that_somebody_cancels_is_reported(host: EngineHost) -> None:
    template = await host.template()
    host.echo.gate.clear()
    call = asyncio.create_task(host.create(template))
    async with asyncio.timeout(20):
        await host.echo.reached.wait()
    await host.told(1)
    build = await host.build()

    await host.engine.store.write(cancel.cancel, build.job.id)

    answer = await call
    assert answer["error"].startswith("workspace build failed: ")
    assert answer["build_id"] == str(build.id)


async def test_without_waiting_the_build_goes_on_and_can_be_joined(host: EngineHost) -> None:
    template = await host.template()
    host.echo.gate.clear()

    first = await host.create(template, wait_seconds=0)
    call = asyncio.create_task(host.create(template))
    await host.told(2)
    host.echo.gate.set()

    answer = await call
    assert (first["status"], first["created"], first["transition"]) == ("building", True, "start")
    assert (answer["status"], answer["message"]) == ("already_exists", "workspace build completed")
    assert answer["build_id"] == first["build_id"]
