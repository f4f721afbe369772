"""spec: wait_for_workspace."""

from datetime import timedelta

import pytest

from db.errors import StoreBusy
from db.states import AgentConnection, Transition
from tests.unit.chattool.fake_backend import an_agent, pass_time, settle
from tests.unit.chattool.host import BROKEN, QUOTA, Host, fields

SECOND = timedelta(seconds=1)
UNKNOWN = "unknown build_id; leave it out to follow the newest build"


async def test_without_a_workspace_it_says_what_to_call(host: Host) -> None:
    response = await host.call("wait_for_workspace")

    assert (response.is_error, response.content) == (
        True,
        "chat has no workspace; use create_workspace first",
    )


async def test_a_running_workspace_is_answered_with_its_agent(host: Host) -> None:
    workspace, build = host.has(agents=[an_agent()])

    answer = fields(await host.call("wait_for_workspace"))

    assert answer == {
        "status": "running",
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "build_id": str(build.id),
        "message": "The workspace runs and its agent is ready.",
        "agent_status": "ready",
    }


async def test_it_waits_for_the_build_and_then_for_the_agent(host: Host) -> None:
    agent = an_agent(connection=AgentConnection.CONNECTING, lifecycle_state="created")
    _, build = host.has(agents=[agent], status="running")
    call = host.begin("wait_for_workspace", build_id=str(build.id))
    await settle(host.backend.clock)

    host.backend.change(build.id, status="succeeded")
    await settle(host.backend.clock)
    assert not call.done()
    host.backend.change_agent(agent, connection=AgentConnection.CONNECTED, lifecycle_state="ready")
    await pass_time(host.backend.clock, 2 * SECOND)

    assert fields(await call)["agent_status"] == "ready"


@pytest.mark.parametrize(
    ("transition", "status"), [(Transition.STOP, "stopped"), (Transition.DELETE, "deleted")]
)
async def test_a_workspace_at_rest_is_told_as_such(host: Host, transition: Transition, status: str) -> None:
    _, build = host.has(transition)

    answer = fields(await host.call("wait_for_workspace"))

    assert (answer["status"], answer["build_id"]) == (status, str(build.id))
    assert "agent_status" not in answer


@pytest.mark.parametrize(("wait_seconds", "passes"), [(0, 0), (1, 1)])
async def test_when_the_time_is_up_the_build_goes_on(host: Host, wait_seconds: float, passes: int) -> None:
    _, build = host.has(status="running")
    call = host.begin("wait_for_workspace", wait_seconds=wait_seconds)
    await settle(host.backend.clock)

    await pass_time(host.backend.clock, passes * SECOND)

    answer = fields(await call)
    assert (answer["status"], answer["transition"], answer["agent_status"]) == (
        "building",
        "start",
        "starting",
    )
    assert answer["build_id"] == str(build.id)
    assert answer["message"].startswith("The build goes on by itself. Call wait_for_workspace")
    assert host.backend.builds[build.id].job.status == "running"


async def test_a_build_that_nobody_can_take_is_told_so(host: Host) -> None:
    host.has(status="pending", matched_provisioners=0)

    answer = fields(await host.call("wait_for_workspace", wait_seconds=0))

    assert answer["message"].endswith("No provisioner daemon that could take this build is online.")


@pytest.mark.parametrize("wait_seconds", [0, None])
async def test_a_build_that_failed_before_the_call_is_told_at_once(
    host: Host, wait_seconds: float | None
) -> None:
    _, build = host.has(**BROKEN)

    answer = fields(await host.call("wait_for_workspace", wait_seconds=wait_seconds))

    assert answer["error"] == "workspace build failed: no such image"
    assert answer["build_id"] == str(build.id)


async def test_a_refused_first_build_could_not_create(host: Host) -> None:
    host.has(**QUOTA)

    answer = fields(await host.call("wait_for_workspace"))

    assert answer["error_code"] == "INSUFFICIENT_QUOTA"
    assert answer["quota"] == {"credits_consumed": 0, "budget": 40, "cost": 20}
    assert "could not create this workspace" in answer["message"]


async def test_a_refused_later_build_could_not_start(host: Host) -> None:
    workspace, _ = host.has(Transition.STOP)
    host.backend.add_build(workspace, Transition.START, job=QUOTA)

    answer = fields(await host.call("wait_for_workspace"))

    assert "could not start this workspace" in answer["message"]


async def test_a_failed_stop_is_never_a_quota_result(host: Host) -> None:
    host.has(Transition.STOP, **QUOTA)

    answer = fields(await host.call("wait_for_workspace"))

    assert answer["error"] == "workspace stop build failed: insufficient quota"
    assert not answer.keys() & {"error_code", "quota"}


async def test_a_canceled_build_is_a_failure(host: Host) -> None:
    _, build = host.has(status="canceled")

    answer = fields(await host.call("wait_for_workspace", build_id=str(build.id)))

    assert answer["error"] == "workspace build failed: build was canceled"


@pytest.mark.parametrize("build_id", ["nonsense", "7b0f0f2e-0000-4000-8000-000000000000"])
async def test_an_unknown_build_is_refused(host: Host, build_id: str) -> None:
    host.has()

    response = await host.call("wait_for_workspace", build_id=build_id)

    assert (response.is_error, response.content) == (True, UNKNOWN)


async def test_a_build_of_another_workspace_is_as_unknown(host: Host) -> None:
    _, others = host.has()
    host.has()

    response = await host.call("wait_for_workspace", build_id=str(others.id))

    assert response.content == UNKNOWN


async def test_an_unreadable_build_is_not_called_unknown(host: Host) -> None:
    _, build = host.has()
    host.backend.failures["build"] = [StoreBusy("busy")] * 3

    response = await host.call("wait_for_workspace", build_id=str(build.id))

    assert response.content == "get latest build: busy"


async def test_a_newer_build_is_followed_too(host: Host) -> None:
    workspace, first = host.has(status="running")
    call = host.begin("wait_for_workspace", build_id=str(first.id))
    await settle(host.backend.clock)

    host.backend.change(first.id, status="succeeded")
    stop = host.backend.add_build(workspace, Transition.STOP, job={"status": "running"})
    await settle(host.backend.clock)
    host.backend.change(stop.id, status="succeeded")

    answer = fields(await call)
    assert (answer["status"], answer["build_id"]) == ("stopped", str(stop.id))


async def test_a_dead_agent_comes_with_the_way_out(host: Host) -> None:
    host.has(agents=[an_agent(connection=AgentConnection.DISCONNECTED)])

    answer = fields(await host.call("wait_for_workspace"))

    assert (answer["status"], answer["agent_status"]) == ("running", "not_ready")
    assert "Call stop_workspace, then start_workspace" in answer["message"]


async def test_it_changes_nothing_and_takes_no_lease(host: Host) -> None:
    _, build = host.has(status="running")

    await host.call("wait_for_workspace", build_id=str(build.id), wait_seconds=1)

    assert not {"try_lease", "bind", "as_owner", "record_tool_call"} & set(host.calls)
    assert host.backend.requests == []
