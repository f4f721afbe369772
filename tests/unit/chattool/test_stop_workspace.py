"""spec: stop_workspace, row by row."""

from typing import Any

import pytest

from chattool.backend import CreateBuild
from chattool.errors import JobUnreadable
from db.errors import ChattoolError, NotFound, RequestError, StoreBusy
from db.states import Transition
from tests.unit.chattool.fake_backend import pass_time, settle
from tests.unit.chattool.host import BROKEN, QUOTA, Host, fields


async def test_a_backend_that_cannot_stop_says_so(host: Host) -> None:
    host.backend.can_stop = False

    assert (await host.stop()).content == "workspace stopper is not configured"


async def test_a_chat_without_a_workspace_is_sent_to_create(host: Host) -> None:
    response = await host.stop()

    assert response.content == "chat has no workspace; use create_workspace first"


async def test_a_deleted_workspace_is_sent_to_create(host: Host) -> None:
    host.has(Transition.DELETE)

    response = await host.stop()

    assert response.content == "workspace was deleted; use create_workspace to make a new one"


async def test_a_stopped_workspace_needs_no_build(host: Host) -> None:
    workspace, _ = host.has(Transition.STOP)

    assert fields(await host.stop()) == {
        "stopped": True,
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "no_build": True,
    }
    assert host.heard == []


async def test_a_joined_stop_answers_with_its_build(host: Host) -> None:
    _, build = host.has(Transition.STOP, status="running")
    call = host.begin("stop_workspace")
    await settle(host.backend.clock)

    host.backend.change(build.id, status="succeeded")

    response = fields(await call)
    assert (response["stopped"], response["build_id"]) == (True, str(build.id))
    assert "no_build" not in response
    assert len(host.heard) == 2


async def test_a_stop_that_joined_a_start_stops(host: Host) -> None:
    _, start = host.has(Transition.START, status="running")
    call = host.begin("stop_workspace")
    await settle(host.backend.clock)

    host.backend.change(start.id, status="succeeded")

    response = fields(await call)
    assert response["build_id"] == str(host.latest.id) != str(start.id)
    assert host.latest.transition is Transition.STOP


@pytest.mark.parametrize("end", [BROKEN, {"status": "canceled"}])
async def test_a_joined_build_that_fails_is_not_reported(host: Host, end: dict[str, Any]) -> None:
    _, start = host.has(Transition.START, status="running")
    call = host.begin("stop_workspace")
    await settle(host.backend.clock)

    host.backend.change(start.id, **end)

    response = fields(await call)
    assert response["stopped"] is True
    assert host.latest.transition is Transition.STOP


@pytest.mark.parametrize(
    ("error", "text", "retryable"),
    [
        (NotFound("gone"), "waiting for in-progress build: get build: gone", None),
        (JobUnreadable("gone"), "waiting for in-progress build: get provisioner job: gone", None),
        (StoreBusy("locked"), "waiting for in-progress build: get build: locked", True),
    ],
)
async def test_a_joined_build_that_cannot_be_read_is_reported(
    host: Host, error: ChattoolError, text: str, retryable: object
) -> None:
    _, build = host.has(Transition.START, status="running")
    call = host.begin("stop_workspace")
    await settle(host.backend.clock)
    host.backend.failures["build"] = [error] * 99

    host.backend.change(build.id, stage="Setting up")
    await pass_time(host.backend.clock, host.context.settings.read_error_limit * 2)

    response = fields(await call)
    assert (response["error"], response["build_id"]) == (text, str(build.id))
    assert response.get("retryable") is retryable


@pytest.mark.parametrize(
    ("transition", "status"),
    [
        (Transition.START, "succeeded"),
        (Transition.START, "failed"),
        (Transition.STOP, "failed"),
        (Transition.STOP, "canceled"),
        (Transition.DELETE, "failed"),
    ],
)
async def test_a_running_or_broken_workspace_is_stopped(
    host: Host, transition: Transition, status: str
) -> None:
    workspace, _ = host.has(transition, status=status)

    response = fields(await host.stop())

    assert response == {
        "stopped": True,
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
        "build_id": str(host.latest.id),
    }
    (request,) = host.backend.requests
    assert isinstance(request, CreateBuild)
    assert request.transition is Transition.STOP
    assert len(host.heard) == 2


async def test_a_refused_stop_is_structured(host: Host) -> None:
    workspace, _ = host.has(Transition.START)
    host.backend.failures["create_build"] = [RequestError(403, "no")]

    assert fields(await host.stop()) == {
        "error": "no",
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
    }


async def test_an_unstructured_error_of_the_stop_is_a_text_error(host: Host) -> None:
    host.has(Transition.START)
    host.backend.failures["create_build"] = [ChattoolError("boom")]

    assert (await host.stop()).content == "stop workspace: boom"


async def test_a_failed_stop_build_is_reported(host: Host) -> None:
    host.has(Transition.START)
    host.backend.ends = BROKEN

    response = fields(await host.stop())

    assert response["error"] == "workspace stop build failed: no such image"
    assert len(host.heard) == 1


async def test_a_quota_code_on_a_stop_is_neither_a_quota_result_nor_passed_on(host: Host) -> None:
    host.has(Transition.START)
    host.backend.ends = QUOTA

    response = fields(await host.stop())

    assert response["error"] == "workspace stop build failed: insufficient quota"
    assert not response.keys() & {"error_code", "quota", "title", "message"}
    assert "quota" not in host.calls
