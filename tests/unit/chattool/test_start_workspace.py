"""spec: start_workspace, row by row."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chattool.backend import CreateBuild
from db.errors import ChattoolError, RequestError, Validation
from db.ids import TemplateVersionId, new_id
from db.states import AgentConnection, Transition
from tests.unit.chattool.fake_backend import an_agent, settle
from tests.unit.chattool.host import BROKEN, Host, fields


async def test_a_backend_that_cannot_start_says_so(host: Host) -> None:
    host.backend.can_start = False

    assert (await host.start()).content == "workspace starter is not configured"


async def test_a_chat_without_a_workspace_is_sent_to_create(host: Host) -> None:
    response = await host.start()

    assert response.content == "chat has no workspace; use create_workspace first"


async def test_a_deleted_workspace_is_sent_to_create(host: Host) -> None:
    host.has(Transition.DELETE)

    response = await host.start()

    assert response.content == "workspace was deleted; use create_workspace to make a new one"


async def test_a_soft_deleted_workspace_is_deleted_whatever_its_build_says(host: Host) -> None:
    workspace, _ = host.has(Transition.START)
    host.backend.workspaces[workspace.id] = replace(workspace, deleted=True)

    response = await host.start()

    assert response.content == "workspace was deleted; use create_workspace to make a new one"


async def test_a_joined_start_answers_with_its_build(host: Host) -> None:
    _, build = host.has(Transition.START, status="running", agents=[an_agent()])
    call = host.begin("start_workspace")
    await settle(host.backend.clock)

    host.backend.change(build.id, status="succeeded")

    response = fields(await call)
    assert (response["started"], response["build_id"]) == (True, str(build.id))
    assert "no_build" not in response
    assert len(host.heard) == 2


async def test_a_start_that_joined_a_stop_starts(host: Host) -> None:
    _, stop = host.has(Transition.STOP, status="running")
    call = host.begin("start_workspace")
    await settle(host.backend.clock)

    host.backend.change(stop.id, status="succeeded")

    response = fields(await call)
    assert response["started"] is True
    assert response["build_id"] == str(host.latest.id) != str(stop.id)
    assert host.latest.transition is Transition.START


async def test_a_start_that_joined_a_delete_is_sent_to_create(host: Host) -> None:
    _, build = host.has(Transition.DELETE, status="running")
    call = host.begin("start_workspace")
    await settle(host.backend.clock)

    host.backend.change(build.id, status="succeeded")

    assert (await call).content == "workspace was deleted; use create_workspace to make a new one"


async def test_a_failed_joined_build_is_reported(host: Host) -> None:
    workspace, build = host.has(Transition.STOP, status="running")
    call = host.begin("start_workspace")
    await settle(host.backend.clock)

    host.backend.change(build.id, **BROKEN)

    assert fields(await call) == {
        "error": "waiting for in-progress build: no such image",
        "next_step": "Call get_workspace_build_logs with this build_id to find out more. "
        "When the cause is gone, call start_workspace again.",
        "build_id": str(build.id),
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
    }


async def test_a_running_workspace_needs_no_build(host: Host) -> None:
    workspace, _ = host.has(Transition.START, agents=[an_agent()])

    assert fields(await host.start()) == {
        "started": True,
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "no_build": True,
        "agent_status": "ready",
    }
    assert host.backend.requests == []
    assert host.heard == []


async def test_parameters_that_a_running_workspace_did_not_get_are_told(host: Host) -> None:
    host.has(Transition.START, agents=[an_agent()])

    response = fields(await host.start(parameters={"size": "big"}))

    assert (response["started"], response["no_build"], response["agent_status"]) == (True, True, "ready")
    assert "did not apply its parameters" in response["message"]
    assert "stop_workspace, then start_workspace" in response["message"]
    assert host.backend.requests == []
    assert host.heard == []


@pytest.mark.parametrize("connection", [AgentConnection.DISCONNECTED, AgentConnection.TIMEOUT])
async def test_a_running_workspace_whose_agent_stays_dead_says_what_to_do(
    host: Host, connection: AgentConnection
) -> None:
    host.has(Transition.START, agents=[an_agent(connection=connection)])

    response = fields(await host.start())

    assert (response["started"], response["agent_status"]) == (True, "not_ready")
    assert "stop_workspace, then start_workspace" in response["message"]
    assert host.backend.clock.monotonic() == timedelta(minutes=2)


@pytest.mark.parametrize("connection", [AgentConnection.DISCONNECTED, AgentConnection.TIMEOUT])
@pytest.mark.parametrize("tool", ["start_workspace", "wait_for_workspace"])
async def test_a_short_wait_for_a_dead_agent_says_what_to_do(
    host: Host, tool: str, connection: AgentConnection
) -> None:
    host.has(Transition.START, agents=[an_agent(connection=connection)])

    response = fields(await host.call(tool, wait_seconds=25))

    assert response["agent_status"] == "not_ready"
    assert "stop_workspace, then start_workspace" in response["message"]
    assert host.backend.clock.monotonic() == timedelta(seconds=25)


async def test_a_short_wait_for_an_agent_that_has_not_come_yet_leaves_it_starting(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.agents_of_new_builds = [an_agent(connection=AgentConnection.CONNECTING)]

    response = fields(await host.start(wait_seconds=25))

    assert (response["started"], response["agent_status"]) == (True, "starting")


async def test_a_dead_agent_that_comes_back_needs_no_message(host: Host) -> None:
    agent = an_agent(connection=AgentConnection.DISCONNECTED)
    host.has(Transition.START, agents=[agent])
    call = host.begin("start_workspace")
    await settle(host.backend.clock)

    host.backend.change_agent(agent, connection=AgentConnection.CONNECTED)

    response = fields(await call)
    assert response["agent_status"] == "ready"
    assert "message" not in response


@pytest.mark.parametrize(
    ("transition", "status"),
    [
        (Transition.STOP, "succeeded"),
        (Transition.START, "failed"),
        (Transition.STOP, "canceled"),
        (Transition.DELETE, "failed"),
    ],
)
async def test_a_stopped_or_broken_workspace_is_started(
    host: Host, transition: Transition, status: str
) -> None:
    workspace, _ = host.has(transition, status=status)

    response = fields(await host.start(parameters={"size": "big"}))

    assert response == {
        "started": True,
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "build_id": str(host.latest.id),
        "agent_status": "no_agent",
    }
    (request,) = host.backend.requests
    assert isinstance(request, CreateBuild)
    assert (request.transition, request.parameters) == (Transition.START, {"size": "big"})
    assert len(host.heard) == 2


async def test_a_refused_start_with_validations_names_the_template(host: Host) -> None:
    workspace, _ = host.has(Transition.STOP)
    host.backend.failures["create_build"] = [
        RequestError(400, "invalid", validations=[Validation(field="size", detail="required")])
    ]

    assert fields(await host.start()) == {
        "error": "invalid",
        "validations": [{"field": "size", "detail": "required"}],
        "template_id": str(host.template.id),
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
    }


async def test_a_refused_start_without_validations_does_not_name_it(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.failures["create_build"] = [RequestError(403, "no")]

    response = fields(await host.start())

    assert response["error"] == "no"
    assert "template_id" not in response


async def test_an_unstructured_error_of_the_start_is_a_text_error(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.failures["create_build"] = [ChattoolError("boom")]

    assert (await host.start()).content == "start workspace: boom"


async def test_a_failed_start_build_is_reported(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.ends = BROKEN

    response = fields(await host.start())

    assert response["error"] == "workspace start build failed: no such image"
    assert response["build_id"] == str(host.latest.id)
    assert len(host.heard) == 1


async def test_a_start_on_a_newer_version_says_so(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.active_version_required = TemplateVersionId(new_id())

    response = fields(await host.start())

    assert response["updated_to_active_version"] is True
    assert response["update_reason"] == "template requires active versions"
    assert "updated to the active template version" in response["message"]


async def test_started_holds_when_the_agent_never_becomes_ready(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.agents_of_new_builds = [an_agent(connection=AgentConnection.CONNECTING)]

    response = fields(await host.start())

    assert (response["started"], response["agent_status"]) == (True, "not_ready")
    assert len(host.heard) == 2
