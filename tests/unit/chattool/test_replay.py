"""spec: idempotency by the tool call's id."""

import asyncio
import json
import logging
from typing import Any

import pytest

from chattool.results import ToolResponse
from chattool.toolset import Toolset
from db.errors import ChattoolError, RequestError, StoreBusy
from db.states import Transition
from tests.unit.chattool.fake_backend import in_time, settle
from tests.unit.chattool.host import BROKEN, QUOTA, Host, fields


async def create(host: Host, call_id: str | None = "call-1", **given: object) -> ToolResponse:
    arguments = {"template_id": str(host.template.id), **given}
    toolset = Toolset(host.context)
    work = toolset.dispatch("create_workspace", arguments, tool_call_id=call_id)
    return await in_time(host.backend.clock, work)


@pytest.mark.parametrize("ends", [{"status": "succeeded"}, BROKEN, QUOTA, {"status": "canceled"}])
async def test_a_finished_call_returns_its_stored_answer(host: Host, ends: dict[str, Any]) -> None:
    host.backend.ends = ends
    first = await create(host)
    host.backend.ends = {"status": "succeeded"}

    again = await create(host)

    assert again == first
    assert len(host.backend.requests) == 1


async def test_a_refused_call_returns_its_stored_answer(host: Host) -> None:
    host.backend.failures["create_workspace"] = [RequestError(400, "no")]
    first = await create(host)

    assert await create(host) == first
    assert len(host.backend.requests) == 1


async def test_a_stored_text_error_of_the_create_call_is_returned(host: Host) -> None:
    host.backend.failures["create_workspace"] = [ChattoolError("boom")]
    first = await create(host)

    assert first.is_error
    assert await create(host) == first


async def test_a_transient_error_of_the_create_call_is_not_final(host: Host) -> None:
    host.backend.failures["create_workspace"] = [StoreBusy("locked")]
    await create(host)

    assert fields(await create(host))["created"] is True


async def test_how_long_to_wait_is_no_part_of_the_request(host: Host) -> None:
    first = await create(host, wait_seconds=60)

    assert await create(host, wait_seconds=0) == first


async def test_a_text_error_before_the_call_is_not_final(host: Host) -> None:
    host.backend.failures["as_owner"] = [ChattoolError("down")]
    assert (await create(host)).is_error

    assert fields(await create(host))["created"] is True


async def test_an_unfinished_call_joins_its_build_and_answers_as_it_would_have(host: Host) -> None:
    host.backend.ends = None
    first = fields(await create(host, wait_seconds=0))
    host.backend.change(host.latest.id, status="succeeded")

    again = fields(await create(host))

    assert first["status"] == "building"
    assert (again["created"], again["build_id"]) == (True, first["build_id"])
    assert "status" not in again
    assert len(host.backend.requests) == 1
    assert fields(await create(host)) == again


async def test_an_unfinished_call_whose_build_fails_answers_in_its_own_words(host: Host) -> None:
    host.backend.ends = None
    await create(host, wait_seconds=0)
    host.backend.change(host.latest.id, **QUOTA)

    response = fields(await create(host))

    assert response["error"] == "workspace build failed: insufficient quota"


async def test_a_rebuild_that_is_taken_up_again_is_still_a_rebuild(host: Host) -> None:
    host.has(Transition.START, **BROKEN)
    host.backend.ends = None
    await create(host, wait_seconds=0)
    host.backend.change(host.latest.id, status="succeeded")

    assert fields(await create(host))["status"] == "rebuilt"


@pytest.mark.parametrize("tool", ["create_workspace", "start_workspace"])
async def test_one_id_for_two_requests_is_refused(host: Host, tool: str) -> None:
    await create(host)

    given = {"template_id": str(host.template.id), "name": "other"} if tool == "create_workspace" else {}
    response = await Toolset(host.context).dispatch(tool, given, tool_call_id="call-1")

    assert response.content == "tool call id was already used for a different request"


async def test_two_calls_of_one_id_at_once_make_one_build_and_give_one_answer(host: Host) -> None:
    host.backend.ends = None
    host.backend.hangs["create_workspace"] = gate = asyncio.Event()
    arguments = {"template_id": str(host.template.id)}
    calls = [
        asyncio.create_task(
            Toolset(host.context).dispatch("create_workspace", arguments, tool_call_id="call-1")
        )
        for _ in range(2)
    ]
    await settle(host.backend.clock)
    gate.set()
    await settle(host.backend.clock)
    host.backend.change(host.latest.id, status="succeeded")

    async with asyncio.timeout(20):
        one, other = [fields(await call) for call in calls]

    assert one == other
    assert one["created"] is True
    assert len(host.backend.requests) == 1


async def test_the_id_reaches_the_backend_as_a_key(host: Host) -> None:
    await create(host)
    await create(host, "call-2", name="x")
    host.backend.add_build(next(iter(host.backend.workspaces.values())), Transition.STOP)
    await Toolset(host.context).dispatch("start_workspace", tool_call_id="call-3")

    keys = [request.idempotency_key for request in host.backend.requests]
    assert keys == [f"{host.context.chat_id}/call-1", f"{host.context.chat_id}/call-3"]


async def test_without_an_id_nothing_is_recorded(host: Host) -> None:
    await create(host, None)

    assert host.chats.tool_calls == {}
    assert host.backend.requests[0].idempotency_key is None


async def test_a_record_that_cannot_be_written_is_logged(
    host: Host, caplog: pytest.LogCaptureFixture
) -> None:
    host.chats.failures["record_tool_call"] = [StoreBusy("locked")] * 2

    with caplog.at_level(logging.ERROR):
        assert fields(await create(host))["created"] is True

    assert "cannot record a tool call" in caplog.text


async def test_a_record_that_cannot_be_read_is_a_text_error(host: Host) -> None:
    host.chats.failures["tool_call"] = [ChattoolError("denied")]

    assert (await create(host)).content == "load tool call: denied"
    assert host.backend.requests == []


async def test_a_record_holds_no_argument(host: Host) -> None:
    await create(host, parameters={"token": "s3cret"})

    (record,) = host.chats.tool_calls.values()
    assert "s3cret" not in json.dumps([record.request_hash, record.answer])


async def test_an_answer_that_only_joined_is_not_stored(host: Host) -> None:
    host.has(Transition.START)

    await create(host)

    assert host.chats.tool_calls == {}
