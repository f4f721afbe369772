"""Which conversation a call over MCP belongs to, on a real engine."""

import asyncio
from typing import Any
from uuid import UUID

import pytest

from chattool.callers import Caller
from chattool.mcp_server.answers import Origin
from db import chats, users
from db.errors import StoreBusy
from db.records import Template
from tests.integration.tools.engine_host import EngineHost
from tests.surfaces.mcp.requests import call, create, origin

UNKNOWN = "unknown chat_id; leave it out to use the default chat"


async def chat_rows(host: EngineHost, key: str) -> object:
    return await host.engine.store.read(chats.find, host.engine.user.id, key)


async def test_a_chat_is_made_by_the_first_create_and_not_before(
    host: EngineHost, template: Template
) -> None:
    before = [
        await call(origin(host), tool) for tool in ("stop_workspace", "start_workspace", "workspace_status")
    ]
    listed = await call(origin(host), "list_templates")
    assert await chat_rows(host, "mcp:1") is None

    created = await create(origin(host), template)

    no_workspace = {"ok": False, "error": "chat has no workspace; use create_workspace first"}
    assert before == [no_workspace] * 3
    assert listed["ok"] is True
    assert created["created"] is True
    assert UUID(created["chat_id"]).version


async def test_calls_of_one_default_find_the_same_workspace(host: EngineHost, template: Template) -> None:
    created = await create(origin(host), template)

    again = await call(origin(host), "wait_for_workspace")

    assert (again["workspace_id"], again["chat_id"]) == (created["workspace_id"], created["chat_id"])


async def test_another_default_is_another_conversation(host: EngineHost, template: Template) -> None:
    first = await create(origin(host, default="mcp:1"), template)
    second = await create(origin(host, default="mcp:2"), template)

    assert first["workspace_id"] != second["workspace_id"]


async def test_a_host_pins_a_chat_by_its_connection_or_by_the_call(
    host: EngineHost, template: Template
) -> None:
    created = await create(origin(host, "thread-7"), template)

    by_call = await call(origin(host), "wait_for_workspace", {"chattool/chat_id": "thread-7"})
    by_id = await call(origin(host), "wait_for_workspace", {"chattool/chat_id": created["chat_id"]})

    assert by_call["workspace_id"] == by_id["workspace_id"] == created["workspace_id"]


async def test_pins_that_do_not_agree_are_refused(host: EngineHost) -> None:
    answer = await call(origin(host, "a"), "stop_workspace", {"chattool/chat_id": "b"})

    assert answer == {"ok": False, "error": "the host names two different chats for this call"}


@pytest.mark.parametrize("handle", ["", "a b", "x" * 129, "ä"])
async def test_a_pin_that_is_no_handle_is_refused(host: EngineHost, handle: str) -> None:
    answer = await call(origin(host), "stop_workspace", {"chattool/chat_id": handle})

    assert answer["error"].startswith("the host names no chat")


async def test_a_model_may_name_a_chat_that_it_was_told(host: EngineHost, template: Template) -> None:
    created = await create(origin(host, default="mcp:1"), template)

    answer = await call(origin(host, default="mcp:2"), "wait_for_workspace", chat_id=created["chat_id"])

    assert answer["workspace_id"] == created["workspace_id"]


@pytest.mark.parametrize("tool", ["create_workspace", "stop_workspace"])
async def test_a_chat_that_only_the_model_names_is_never_made(
    host: EngineHost, template: Template, tool: str
) -> None:
    given: dict[str, Any] = {"template_id": str(template.id)} if tool == "create_workspace" else {}

    answer = await call(origin(host), tool, chat_id="of-my-own", **given)

    assert answer == {"ok": False, "error": UNKNOWN}
    assert await chat_rows(host, "of-my-own") is None


async def test_a_chat_of_another_user_is_as_unknown(host: EngineHost) -> None:
    organization = host.engine.organization
    other = await host.engine.store.write(users.create_user, "ben", [organization.id])
    theirs = await host.engine.store.write(chats.ensure, other.id, organization.id, "theirs")

    by_id = await call(origin(host), "stop_workspace", chat_id=str(theirs.id))
    by_key = await call(origin(host), "stop_workspace", chat_id="theirs")

    assert by_id == by_key == {"ok": False, "error": UNKNOWN}


async def test_a_model_cannot_leave_a_pinned_chat(host: EngineHost, template: Template) -> None:
    other = await create(origin(host, "other"), template)

    answer = await call(origin(host, "mine"), "stop_workspace", chat_id=other["chat_id"])
    same = await call(origin(host, "other"), "wait_for_workspace", chat_id=other["chat_id"])

    assert answer == {"ok": False, "error": "this host works for one chat; leave chat_id out"}
    assert same["ok"] is True


async def test_a_call_with_the_id_of_an_earlier_one_gets_its_answer(
    host: EngineHost, template: Template
) -> None:
    given = {"template_id": str(template.id)}
    meta: dict[str, object] = {"chattool/tool_call_id": "call-1"}

    first = await call(origin(host), "create_workspace", meta, **given)
    second = await call(origin(host), "create_workspace", meta, **given)

    assert second == first


async def test_a_cancelled_request_ends_the_following_and_not_the_build(
    host: EngineHost, template: Template
) -> None:
    host.echo.gate.clear()
    request = asyncio.create_task(create(origin(host), template))
    async with asyncio.timeout(20):
        await host.echo.reached.wait()

    request.cancel()
    with pytest.raises(asyncio.CancelledError):
        await request
    host.echo.gate.set()
    answer = await call(origin(host), "wait_for_workspace")

    assert answer["status"] == "running"


async def test_what_keeps_a_call_from_being_made_is_its_answer() -> None:
    async def busy() -> Caller:
        raise StoreBusy("the background engine is not ready yet")

    async def broken() -> Caller:
        raise RuntimeError("password=hunter2")

    known = await call(Origin(caller=busy), "list_templates")
    unknown = await call(Origin(caller=broken), "list_templates")

    assert known == {"ok": False, "error": "the background engine is not ready yet"}
    assert unknown["error"].startswith("internal error in list_templates (reference ")


async def test_arguments_are_refused_by_the_tool_in_one_sentence(host: EngineHost) -> None:
    unknown = await call(origin(host), "list_templates", size="big")
    no_text = await call(origin(host), "list_templates", chat_id=7)

    assert unknown["error"] == 'unknown argument "size"; there are: query, page'
    assert no_text["error"] == "chat_id must be text"
