"""spec: workspace_status."""

from typing import Any

import pytest

from db.errors import RequestError
from db.states import AgentConnection, Transition
from tests.unit.chattool.fake_backend import an_agent
from tests.unit.chattool.host import BROKEN, QUOTA, Host, fields


async def test_a_running_workspace_is_shown_with_its_agent(host: Host) -> None:
    agent = an_agent()
    workspace, build = host.has(agents=[agent])

    answer = fields(await host.call("workspace_status"))

    assert answer == {
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "status": "running",
        "transition": "start",
        "job_status": "succeeded",
        "build_id": str(build.id),
        "agent_status": "ready",
        "agent_id": str(agent.id),
        "next_step": "The workspace can be used.",
    }


async def test_a_build_in_line_is_shown_with_its_place(host: Host) -> None:
    host.has(status="pending", queue_position=2, queue_size=3, matched_provisioners=0)

    answer = fields(await host.call("workspace_status"))

    assert (answer["status"], answer["queue_position"], answer["queue_size"]) == ("pending", 2, 3)
    assert answer["matched_provisioners"] == 0
    assert answer["next_step"] == "Call wait_for_workspace to wait for the build."


@pytest.mark.parametrize(
    ("transition", "job", "status", "tool"),
    [
        (Transition.START, {"status": "running", "stage": "Setting up"}, "starting", "wait_for_workspace"),
        (Transition.STOP, {"status": "running"}, "stopping", "wait_for_workspace"),
        (Transition.STOP, {"status": "succeeded"}, "stopped", "start_workspace"),
        (Transition.START, {"status": "canceling"}, "canceling", "wait_for_workspace"),
        (Transition.START, {"status": "canceled"}, "canceled", "start_workspace"),
        (Transition.START, BROKEN, "failed", "get_workspace_build_logs"),
        (Transition.STOP, BROKEN, "failed", "stop_workspace"),
        (Transition.START, QUOTA, "failed", "get_workspace_quota"),
    ],
)
async def test_every_state_names_the_tool_that_comes_next(
    host: Host, transition: Transition, job: dict[str, Any], status: str, tool: str
) -> None:
    host.has(transition, **job)

    answer = fields(await host.call("workspace_status"))

    assert answer["status"] == status
    assert tool in answer["next_step"]


async def test_a_failed_build_says_why_without_the_key_of_failures(host: Host) -> None:
    host.has(**QUOTA)

    response = await host.call("workspace_status")

    answer = fields(response)
    assert response.ok
    assert (answer["build_error"], answer["build_error_code"]) == ("insufficient quota", "INSUFFICIENT_QUOTA")


@pytest.mark.parametrize(
    ("agent", "status", "tool"),
    [
        ({"connection": AgentConnection.DISCONNECTED}, "not_ready", "stop_workspace, then start_workspace"),
        ({"connection": AgentConnection.CONNECTING}, "starting", "wait_for_workspace"),
        ({"lifecycle_state": "starting"}, "starting", "wait_for_workspace"),
    ],
)
async def test_the_agent_is_judged_by_the_record_without_waiting(
    host: Host, agent: dict[str, Any], status: str, tool: str
) -> None:
    host.has(agents=[an_agent(**agent)])

    answer = fields(await host.call("workspace_status"))

    assert answer["agent_status"] == status
    assert tool in answer["next_step"]
    assert host.backend.clock.monotonic().total_seconds() == 0


@pytest.mark.parametrize("state", ["start_error", "start_timeout"])
async def test_an_agent_whose_scripts_failed_is_not_waited_for(host: Host, state: str) -> None:
    host.has(agents=[an_agent(lifecycle_state=state)])

    answer = fields(await host.call("workspace_status"))

    assert (answer["agent_status"], answer["startup_scripts"], answer["lifecycle_state"]) == (
        "ready",
        "startup_scripts_failed",
        state,
    )
    assert "wait_for_workspace" not in answer["next_step"]


async def test_an_agent_that_has_shut_down_is_not_waited_for(host: Host) -> None:
    host.has(agents=[an_agent(lifecycle_state="off")])

    answer = fields(await host.call("workspace_status"))

    assert (answer["agent_status"], answer["lifecycle_state"]) == ("not_ready", "off")
    assert "stop_workspace, then start_workspace" in answer["next_step"]


@pytest.mark.parametrize(
    ("transition", "text"),
    [
        (None, "chat has no workspace; use create_workspace first"),
        (Transition.DELETE, "workspace was deleted; use create_workspace to make a new one"),
    ],
)
async def test_without_a_workspace_it_says_what_to_call(
    host: Host, transition: Transition | None, text: str
) -> None:
    if transition is not None:
        host.has(transition)

    assert (await host.call("workspace_status")).content == text


async def test_an_owner_who_may_not_act_is_told_for_what(host: Host) -> None:
    host.has()
    host.backend.failures["as_owner"] = [RequestError(403, "the owner is suspended")]

    response = await host.call("workspace_status")

    assert response.content == "authorize workspace_status owner: the owner is suspended"
