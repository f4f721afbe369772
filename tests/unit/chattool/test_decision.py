"""spec: reads that fail, rounds of decision, binding, callbacks."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from chattool.backend import Chat
from chattool.errors import JobUnreadable
from db.errors import ChattoolError, NotFound, RequestError, StoreBusy
from db.ids import AgentId, new_id
from db.states import Transition
from tests.unit.chattool.fake_backend import an_agent, in_time, settle
from tests.unit.chattool.host import BROKEN, Host, fields

TOOLS = ["create_workspace", "start_workspace", "stop_workspace"]


def arguments(host: Host, tool: str) -> dict[str, Any]:
    return {"template_id": str(host.template.id)} if tool == "create_workspace" else {}


# Reads that fail


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("read", "error", "text"),
    [
        ("workspace", NotFound("gone"), "load workspace: gone"),
        ("build", NotFound("gone"), "get latest build: gone"),
        ("build", JobUnreadable("gone"), "get provisioner job: gone"),
    ],
)
async def test_what_cannot_be_read_is_named_and_nothing_is_made(
    host: Host, tool: str, read: str, error: Exception, text: str
) -> None:
    host.has(Transition.STOP)
    host.backend.failures[read] = [error]

    response = await host.call(tool, **arguments(host, tool))

    assert (response.is_error, response.content) == (True, text)
    assert host.backend.requests == []


@pytest.mark.parametrize("tool", TOOLS)
async def test_an_unreadable_chat_is_named(host: Host, tool: str) -> None:
    host.chats.failures["chat"] = [ChattoolError("denied")]

    assert (await host.call(tool, **arguments(host, tool))).content == "load chat: denied"


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_status_that_nobody_knows_is_a_text_error(host: Host, tool: str) -> None:
    host.has(Transition.START, status="unknown")

    response = await host.call(tool, **arguments(host, tool))

    assert response.content == "unexpected job status: unknown"
    assert host.backend.requests == []


@pytest.mark.parametrize("error", [StoreBusy("locked"), RequestError(503, "later")])
async def test_a_transient_read_error_is_tried_three_times(host: Host, error: Exception) -> None:
    host.has(Transition.STOP)
    host.backend.failures["workspace"] = [error] * 2

    assert fields(await host.stop())["stopped"] is True
    assert host.backend.clock.monotonic() == timedelta(seconds=1)

    host.backend.failures["workspace"] = [error] * 3
    assert (await host.stop()).content == f"load workspace: {error}"


async def test_any_other_read_error_is_not_tried_again(host: Host) -> None:
    host.has(Transition.STOP)
    host.backend.failures["workspace"] = [RequestError(403, "no")]

    assert (await host.stop()).content == "load workspace: no"
    assert host.calls.count("workspace") == 1


# Rounds


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_build_that_was_canceling_when_joined_is_not_reported(host: Host, tool: str) -> None:
    _, build = host.has(Transition.START, status="canceling")
    call = host.begin(tool, **arguments(host, tool))
    await settle(host.backend.clock)

    host.backend.change(build.id, status="canceled")

    response = fields(await call)
    assert "error" not in response
    assert response["build_id"] == str(host.latest.id) != str(build.id)


@pytest.mark.parametrize("tool", TOOLS)
async def test_somebody_elses_build_means_another_round(host: Host, tool: str) -> None:
    host.has(Transition.START, **BROKEN)
    host.backend.failures["create_build"] = [RequestError(409, "A workspace build is already active.")]

    response = fields(await host.call(tool, **arguments(host, tool)))

    assert response["build_id"] == str(host.latest.id)
    assert len(host.backend.requests) == 2


@pytest.mark.parametrize(
    ("tool", "expected"),
    [
        ("create_workspace", {"created": False, "agent_status": "starting"}),
        ("start_workspace", {"started": False, "agent_status": "starting"}),
        ("stop_workspace", {"stopped": False}),
    ],
)
async def test_after_three_rounds_the_last_build_seen_is_the_answer(
    host: Host, tool: str, expected: dict[str, Any]
) -> None:
    workspace, build = host.has(Transition.START, **BROKEN)
    host.backend.failures["create_build"] = [RequestError(409, "active")] * 3

    response = dict(fields(await host.call(tool, **arguments(host, tool))))

    assert "goes on" in response.pop("message")
    assert response == {
        **expected,
        "status": "building",
        "build_id": str(build.id),
        "transition": "start",
        "workspace_id": str(workspace.id),
        "workspace_name": "ana/dev",
    }


async def test_all_waits_of_a_call_share_one_limit(host: Host) -> None:
    _, first = host.has(Transition.STOP, status="running")
    host.backend.ends = None
    call = host.begin("start_workspace")
    await settle(host.backend.clock)
    host.backend.clock.advance(timedelta(minutes=6))
    host.backend.change(first.id, status="succeeded")
    await settle(host.backend.clock)

    response = fields(await in_time(host.backend.clock, call))

    assert (response["status"], response["build_id"]) == ("building", str(host.latest.id))
    assert host.backend.clock.monotonic() == timedelta(minutes=10)


# Binding and callbacks


async def test_a_new_build_is_bound_before_it_is_waited_for_and_the_agent_cleared(host: Host) -> None:
    host.has(Transition.STOP)
    host.chats.only = replace(host.chats.only, agent_id=AgentId(new_id()))
    host.backend.ends = None
    call = host.begin("start_workspace")
    await settle(host.backend.clock)

    assert not call.done()
    assert (host.chats.only.build_id, host.chats.only.agent_id) == (host.latest.id, None)
    assert host.heard == [host.chats.only]

    host.backend.change(host.latest.id, status="succeeded")
    await call
    assert len(host.heard) == 2


async def test_a_joined_build_is_bound(host: Host) -> None:
    _, build = host.has(Transition.START, status="running")
    host.chats.only = replace(host.chats.only, build_id=None)

    await host.start(wait_seconds=0)

    assert host.chats.only.build_id == build.id
    assert len(host.heard) == 1


async def test_a_binding_that_cannot_be_written_is_logged_and_told_to_nobody(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.has(Transition.STOP)
    host.chats.failures["bind"] = [StoreBusy("locked")]
    host.backend.ends = None

    with caplog.at_level(logging.ERROR):
        response = fields(await host.start(wait_seconds=0))

    assert response["status"] == "building"
    assert "cannot bind a chat" in caplog.text
    assert host.heard == []


async def test_the_binding_stays_when_the_build_fails(host: Host) -> None:
    host.backend.ends = BROKEN

    response = fields(await host.create())

    assert str(host.chats.only.build_id) == response["build_id"]
    assert len(host.heard) == 1


async def test_the_second_callback_brings_a_freshly_read_row(host: Host) -> None:
    agent_id = AgentId(new_id())
    told: list[Chat] = []

    async def hear(chat: Chat) -> None:
        told.append(chat)
        host.chats.only = replace(host.chats.only, agent_id=agent_id)

    host.configure(on_chat_updated=hear)

    await host.create()

    assert [chat.agent_id for chat in told] == [None, agent_id]


async def test_a_row_that_cannot_be_read_again_costs_only_the_second_callback(host: Host) -> None:
    host.backend.ends = None
    call = host.begin("create_workspace", template_id=str(host.template.id))
    await settle(host.backend.clock)
    host.chats.failures["chat"] = [ChattoolError("denied")]

    host.backend.change(host.latest.id, status="succeeded")

    assert fields(await call)["created"] is True
    assert len(host.heard) == 1


async def test_a_callback_that_raises_is_logged_and_swallowed(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(chat: Chat) -> None:
        raise RuntimeError("closed")

    host.configure(on_chat_updated=fail)

    with caplog.at_level(logging.ERROR):
        assert fields(await host.create())["created"] is True

    assert caplog.text.count("on_chat_updated failed") == 2


# Owner authorization


@pytest.mark.parametrize(
    ("situation", "tool"),
    [
        (lambda host: host.has(Transition.START, agents=[an_agent()]), "create_workspace"),
        (lambda host: host.has(Transition.STOP), "create_workspace"),
        (lambda host: host.has(Transition.START, agents=[an_agent()]), "start_workspace"),
        (lambda host: host.has(Transition.STOP), "stop_workspace"),
    ],
)
async def test_an_answer_that_needs_no_build_loads_no_roles(
    host: Host, situation: Callable[[Host], object], tool: str
) -> None:
    situation(host)
    host.backend.failures["as_owner"] = [ChattoolError("role store down")] * 9

    response = await host.call(tool, **arguments(host, tool))

    assert response.ok
    assert "as_owner" not in host.calls


@pytest.mark.parametrize("tool", TOOLS)
async def test_joining_a_build_loads_no_roles(host: Host, tool: str) -> None:
    host.has(Transition.START, status="running")

    assert (await host.call(tool, **arguments(host, tool), wait_seconds=0)).ok
    assert "as_owner" not in host.calls


@pytest.mark.parametrize("tool", TOOLS)
async def test_a_new_build_without_authorization_is_not_asked_for(host: Host, tool: str) -> None:
    host.has(Transition.START, **BROKEN)
    host.backend.failures["as_owner"] = [ChattoolError("owner is suspended")]

    response = await host.call(tool, **arguments(host, tool))

    assert response.content == "load user authorization: owner is suspended"
    assert host.backend.requests == []
    assert "template" not in host.calls


async def test_roles_are_loaded_once_for_a_create_and_its_quota_lookup(host: Host) -> None:
    host.backend.ends = {"status": "failed", "error": "x", "error_code": "INSUFFICIENT_QUOTA"}

    assert "quota" in fields(await host.create())
    assert host.calls.count("as_owner") == 1


async def test_two_calls_of_a_chat_share_one_build(host: Host) -> None:
    host.backend.ends = None
    calls = [host.begin("create_workspace", template_id=str(host.template.id)) for _ in range(3)]
    await settle(host.backend.clock)

    host.backend.change(host.latest.id, status="succeeded")
    async with asyncio.timeout(20):
        answers = [fields(await call) for call in calls]

    assert len(host.backend.requests) == 1
    assert {answer["build_id"] for answer in answers} == {str(host.latest.id)}
    assert [answer["created"] for answer in answers].count(True) == 1
