"""spec: create_workspace, row by row."""

import re
from dataclasses import replace
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from chattool.backend import CreateBuild, CreateWorkspace, TemplateVersion
from chattool.settings import ToolSettings
from db.errors import ChattoolError, NotFound, RequestError, StoreBusy, Validation
from db.ids import OrganizationId, TemplateId
from db.states import AgentConnection, Transition
from tests.unit.chattool.fake_backend import an_agent, settle
from tests.unit.chattool.host import BROKEN, Host, fields


def the_request(host: Host) -> CreateWorkspace:
    (request,) = host.backend.requests
    assert isinstance(request, CreateWorkspace)
    return request


def name_taken() -> RequestError:
    return RequestError(409, "name taken", validations=[Validation(field="name", detail="in use")])


# Order and arguments


async def test_a_backend_that_cannot_create_says_so(host: Host) -> None:
    host.backend.can_create = False

    assert (await host.create()).content == "workspace creator is not configured"


@pytest.mark.parametrize("template_id", ["", "  "])
async def test_a_blank_template_id_points_to_the_list(host: Host, template_id: str) -> None:
    response = await host.create(template_id=template_id)

    assert response.content == "template_id is required; call list_templates"
    assert host.calls == []


async def test_a_template_id_that_is_no_id_is_an_argument_error(host: Host) -> None:
    response = await host.create(template_id="python")

    assert response.content.startswith("invalid template_id: ")
    assert host.calls == []


async def test_a_preset_id_that_is_no_id_is_an_argument_error_before_anything_is_read(
    host: Host,
) -> None:
    response = await host.create(preset_id="big")

    assert response.content.startswith("invalid preset_id: ")
    assert host.calls == []


async def test_a_blank_preset_id_is_none(host: Host) -> None:
    await host.create(preset_id="  ")

    assert the_request(host).preset_id is None


async def test_the_request_carries_what_was_asked_for(host: Host) -> None:
    preset_id = uuid4()
    host.configure(settings=ToolSettings(workspace_ttl="2h"))

    await host.create(name="Dev", parameters={"b": 2, "a": "x"}, preset_id=str(preset_id))

    request = the_request(host)
    assert (request.name, request.preset_id, request.ttl) == ("Dev", preset_id, timedelta(hours=2))
    assert list(request.parameters.items()) == [("a", "x"), ("b", "2")]
    assert request.organization_id == host.context.organization_id


async def test_success_has_identity_build_and_agent_status(host: Host) -> None:
    response = fields(await host.create(name="dev"))

    assert response == {
        "created": True,
        "workspace_id": str(host.latest.workspace_id),
        "workspace_name": "ana/dev",
        "build_id": str(host.latest.id),
        "agent_status": "no_agent",
    }


async def test_a_template_that_is_not_allowed_points_to_the_list(host: Host) -> None:
    host.configure(allowed_template_ids=frozenset({TemplateId(uuid4())}))

    response = await host.create()

    assert "template not available for chat workspaces" in response.content
    assert "list_templates" in response.content
    assert host.backend.requests == []


async def test_an_existing_workspace_answers_even_where_its_template_is_not_allowed(host: Host) -> None:
    host.has(Transition.START, agents=[an_agent()])
    host.configure(allowed_template_ids=frozenset({TemplateId(uuid4())}))

    assert fields(await host.create())["status"] == "already_exists"


async def test_a_missing_template_is_a_text_error(host: Host) -> None:
    response = await host.create(template_id=str(uuid4()))

    assert response.content.startswith("look up template: ")


async def test_a_template_of_another_organization_points_to_the_list(host: Host) -> None:
    foreign = host.backend.add_template(OrganizationId(uuid4()))

    response = await host.create(template_id=str(foreign.id))

    assert "different organization" in response.content
    assert "list_templates" in response.content


async def test_a_version_with_external_agents_is_left_to_the_user(host: Host) -> None:
    version_id = host.template.active_version_id
    host.backend.versions[version_id] = TemplateVersion(id=version_id, has_external_agent=True)

    response = await host.create()

    assert "external agents" in response.content
    assert "by hand" in response.content
    assert host.backend.requests == []


async def test_a_missing_version_row_is_not_external(host: Host) -> None:
    host.backend.failures["template_version"] = [NotFound()]

    assert fields(await host.create())["created"] is True


async def test_an_unreadable_version_is_a_text_error(host: Host) -> None:
    host.backend.failures["template_version"] = [ChattoolError("denied")]

    assert (await host.create()).content == "look up template version: denied"


async def test_a_refused_create_is_structured(host: Host) -> None:
    host.backend.failures["create_workspace"] = [
        RequestError(
            400,
            "Unable to validate parameter",
            detail="more",
            validations=[Validation(field="size", detail="not an option")],
        )
    ]

    response = await host.create()

    assert not response.is_error
    assert fields(response) == {
        "error": "Unable to validate parameter",
        "detail": "more",
        "validations": [{"field": "size", "detail": "not an option"}],
    }


async def test_a_refusal_without_a_message_has_one(host: Host) -> None:
    host.backend.failures["create_workspace"] = [RequestError(400, " ")]

    assert fields(await host.create()) == {"error": "request failed"}


async def test_a_taken_name_is_tried_once_more_with_a_generated_one(host: Host) -> None:
    host.backend.failures["create_workspace"] = [name_taken()]

    response = fields(await host.create(name="dev"))

    assert response["created"] is True
    assert re.fullmatch(r"ana/dev-[0-9a-f]{4}", response["workspace_name"])


async def test_a_second_conflict_is_returned_as_it_is(host: Host) -> None:
    host.backend.failures["create_workspace"] = [name_taken(), name_taken()]

    response = fields(await host.create(name="dev"))

    assert response["error"] == "name taken"
    assert len(host.backend.requests) == 2


async def test_a_conflict_that_is_not_about_the_name_is_returned_as_it_is(host: Host) -> None:
    host.backend.failures["create_workspace"] = [RequestError(409, "busy")]

    assert fields(await host.create()) == {"error": "busy"}
    assert len(host.backend.requests) == 1


async def test_an_unstructured_error_of_the_create_is_a_text_error(host: Host) -> None:
    host.backend.failures["create_workspace"] = [StoreBusy("locked")]

    response = await host.create()

    assert (response.is_error, response.content) == (True, "locked")


async def test_a_create_without_a_build_id_does_not_wait(host: Host) -> None:
    host.backend.returns_build_id = False
    host.backend.ends = None
    host.backend.agents_of_new_builds = [an_agent()]

    response = fields(await host.create())

    assert response["created"] is True
    assert response["agent_status"] == "ready"
    assert "build_id" not in response
    assert [chat.build_id for chat in host.heard] == [None]


async def test_a_workspace_that_needs_no_connecting_is_waited_for(host: Host) -> None:
    agent = an_agent(connection=AgentConnection.CONNECTING, lifecycle_state="created")
    host.backend.agents_of_new_builds = [agent]
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)
    assert not call.done()

    host.backend.change_agent(agent, connection=AgentConnection.CONNECTED, lifecycle_state="ready")

    assert fields(await call)["agent_status"] == "ready"


# Existing workspaces


async def test_a_deleted_workspace_is_replaced_without_a_word(host: Host) -> None:
    workspace, build = host.has(Transition.DELETE)
    host.backend.workspaces[workspace.id] = replace(workspace, deleted=True)
    del host.backend.builds[build.id]

    response = fields(await host.create())

    assert response["created"] is True
    assert "replaced_workspace" not in response


async def test_a_succeeded_delete_counts_as_deleted(host: Host) -> None:
    host.has(Transition.DELETE)

    assert fields(await host.create())["created"] is True


async def test_a_build_in_progress_is_joined_and_then_decided_on_again(host: Host) -> None:
    workspace, build = host.has(Transition.START, status="running", agents=[an_agent()])
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)

    host.backend.change(build.id, status="succeeded")

    assert fields(await call) == {
        "created": False,
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "build_id": str(build.id),
        "status": "already_exists",
        "message": "workspace build completed",
        "agent_status": "ready",
    }
    assert len(host.heard) == 2


async def test_a_joined_workspace_is_never_replaced(host: Host) -> None:
    dead = an_agent(connection=AgentConnection.DISCONNECTED)
    _, build = host.has(Transition.START, status="running", agents=[dead])
    call = host.begin("create_workspace", template_id=str(host.template.id), wait_seconds=30)
    await settle(host.backend.clock)
    host.backend.change(build.id, status="succeeded")
    await settle(host.backend.clock)
    host.backend.clock.advance(timedelta(seconds=30))

    response = fields(await call)

    assert (response["status"], response["agent_status"]) == ("already_exists", "not_ready")
    assert host.backend.requests == []


async def test_a_create_that_joined_a_delete_creates(host: Host) -> None:
    _, build = host.has(Transition.DELETE, status="running")
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)

    host.backend.change(build.id, status="succeeded")

    assert fields(await call)["created"] is True


async def test_a_running_workspace_with_a_connected_agent_is_the_answer(host: Host) -> None:
    workspace, _ = host.has(Transition.START, agents=[an_agent()])

    assert fields(await host.create()) == {
        "created": False,
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "status": "already_exists",
        "message": "workspace is already running and recently connected",
        "agent_status": "ready",
    }
    assert host.heard == []


@pytest.mark.parametrize("transition", [Transition.START, Transition.STOP])
async def test_what_a_found_workspace_leaves_out_of_the_request_is_told(
    host: Host, transition: Transition
) -> None:
    host.has(transition, agents=[an_agent()])
    other = host.backend.add_template(host.context.organization_id, name="go")

    response = fields(await host.create(template_id=str(other.id), name="other", parameters={"size": "big"}))

    assert response["created"] is False
    assert "template python" in response["message"]
    assert "did not apply its own template, name, parameters." in response["message"]


async def test_a_create_that_is_repeated_with_template_and_name_leaves_nothing_out(host: Host) -> None:
    host.has(Transition.START, agents=[an_agent()])

    response = fields(await host.create(name="Dev"))

    assert response["message"] == "workspace is already running and recently connected"


async def test_a_running_workspace_whose_agent_connects_is_waited_for(host: Host) -> None:
    agent = an_agent(connection=AgentConnection.CONNECTING, lifecycle_state="created")
    host.has(Transition.START, agents=[agent])
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)

    host.backend.change_agent(agent, connection=AgentConnection.CONNECTED, lifecycle_state="ready")

    response = fields(await call)
    assert response["message"] == "workspace exists and the agent is still connecting"
    assert response["agent_status"] == "ready"


@pytest.mark.parametrize(
    ("connection", "reason"),
    [
        (AgentConnection.DISCONNECTED, "agent_disconnected"),
        (AgentConnection.TIMEOUT, "agent_timeout"),
    ],
)
async def test_a_running_workspace_whose_agent_is_dead_is_replaced_and_named(
    host: Host, connection: AgentConnection, reason: str
) -> None:
    old, _ = host.has(Transition.START, agents=[an_agent(connection=connection)])

    response = fields(await host.create())

    assert response["created"] is True
    assert response["replaced_workspace"] == {
        "workspace_id": str(old.id),
        "workspace_name": "ana/dev",
        "reason": reason,
    }


async def test_a_running_workspace_without_agents_is_the_answer(host: Host) -> None:
    host.has(Transition.START)

    response = fields(await host.create())

    assert (response["status"], response["agent_status"]) == ("already_exists", "no_agent")


async def test_a_running_workspace_with_unreadable_agents_is_the_answer(host: Host) -> None:
    host.has(Transition.START, agents=[an_agent()])
    host.backend.failures["agents"] = [ChattoolError("denied")]

    response = fields(await host.create())

    assert (response["status"], response["agent_status"]) == ("already_exists", "not_ready")
    assert "denied" in response["agent_error"]


async def test_a_selection_error_is_reported_while_any_agent_is_alive(host: Host) -> None:
    dead = AgentConnection.DISCONNECTED
    host.has(Transition.START, agents=[an_agent("a-chat"), an_agent("b-chat", connection=dead)])

    response = fields(await host.create())

    assert (response["status"], response["agent_status"]) == ("already_exists", "selection_error")
    assert "multiple agents match the chat suffix" in response["agent_error"]


async def test_a_selection_error_among_dead_agents_is_a_reason_to_replace(host: Host) -> None:
    dead = AgentConnection.DISCONNECTED
    agents = [an_agent("a-chat", connection=dead), an_agent("b-chat", connection=dead)]
    host.has(Transition.START, agents=agents)

    response = fields(await host.create())

    assert response["replaced_workspace"]["reason"] == "agent_disconnected"


async def test_a_stopped_workspace_is_left_to_start_workspace(host: Host) -> None:
    workspace, _ = host.has(Transition.STOP)

    response = fields(await host.create())

    assert "start_workspace" in response.pop("message")
    assert response == {
        "created": False,
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "status": "stopped",
        "agent_status": "no_agent",
    }


async def test_a_joined_stop_answers_stopped_with_its_build(host: Host) -> None:
    _, build = host.has(Transition.STOP, status="running")
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)

    host.backend.change(build.id, status="succeeded")

    response = fields(await call)
    assert (response["status"], response["build_id"]) == ("stopped", str(build.id))


# Rebuild


@pytest.mark.parametrize("name", ["", "dev", "DEV"])
@pytest.mark.parametrize("status", ["failed", "canceled"])
@pytest.mark.parametrize("transition", [Transition.START, Transition.STOP])
async def test_a_broken_workspace_is_built_again(
    host: Host, transition: Transition, status: str, name: str
) -> None:
    workspace, _ = host.has(transition, status=status, error="" if status == "canceled" else "x")
    preset_id = uuid4()

    response = fields(await host.create(name=name, parameters={"a": 1}, preset_id=str(preset_id)))

    message = response.pop("message")
    assert "failed" in message
    assert response == {
        "created": False,
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "status": "rebuilt",
        "build_id": str(host.latest.id),
        "agent_status": "no_agent",
    }
    (request,) = host.backend.requests
    assert isinstance(request, CreateBuild)
    assert (request.transition, request.use_active_version) == (Transition.START, True)
    assert (request.parameters, request.preset_id) == ({"a": "1"}, preset_id)


async def test_another_template_is_a_reason_to_replace_a_broken_workspace(host: Host) -> None:
    host.has(Transition.START, **BROKEN)
    other = host.backend.add_template(host.context.organization_id, name="rust")

    response = fields(await host.create(template_id=str(other.id)))

    assert response["replaced_workspace"]["reason"] == "template_differs"


async def test_another_name_is_a_reason_to_replace_a_broken_workspace(host: Host) -> None:
    host.has(Transition.START, **BROKEN)

    response = fields(await host.create(name="other"))

    assert response["replaced_workspace"]["reason"] == "name_differs"


async def test_a_failed_delete_is_a_reason_to_replace(host: Host) -> None:
    host.has(Transition.DELETE, **BROKEN)

    response = fields(await host.create())

    assert response["replaced_workspace"]["reason"] == "delete_failed"


async def test_a_replacement_that_fails_to_build_still_names_what_it_left(host: Host) -> None:
    old, _ = host.has(Transition.DELETE, **BROKEN)
    host.backend.ends = BROKEN

    response = fields(await host.create())

    assert response["error"] == "workspace build failed: no such image"
    assert response["replaced_workspace"]["workspace_id"] == str(old.id)


async def test_a_replacement_whose_create_call_fails_names_nothing(host: Host) -> None:
    old, _ = host.has(Transition.DELETE, **BROKEN)
    host.backend.failures["create_workspace"] = [RequestError(400, "no")]

    response = fields(await host.create())

    assert "replaced_workspace" not in response
    assert host.chats.only.workspace_id == old.id


@pytest.mark.parametrize("refused", ["as_owner", "template", "template_version"])
async def test_a_rebuild_takes_the_same_steps_as_a_creation(host: Host, refused: str) -> None:
    host.has(Transition.START, **BROKEN)
    host.backend.failures[refused] = [ChattoolError("denied")]

    response = await host.create()

    assert response.is_error
    assert response.content.endswith("denied")
    assert host.backend.requests == []


async def test_a_refused_rebuild_is_structured_with_identity(host: Host) -> None:
    workspace, _ = host.has(Transition.START, **BROKEN)
    host.backend.failures["create_build"] = [RequestError(400, "no")]

    response = fields(await host.create())

    assert response == {
        "error": "no",
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
    }


async def test_ids_in_results_are_uuids(host: Host) -> None:
    response = fields(await host.create())

    assert UUID(response["workspace_id"]) == host.latest.workspace_id
    assert UUID(response["build_id"]) == host.latest.id
