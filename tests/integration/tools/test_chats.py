"""Lease, replay and interrupts on a real chat store, also from another process's point of view."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from chattool.engine import Engine, open_engine
from chattool.errors import ToolError
from db.states import Transition
from tests.integration.tools.engine_host import EngineHost, costing, fields

BUSY = "another call for this chat is in progress; try again"


@pytest.fixture
async def elsewhere(host: EngineHost, database_url: str) -> AsyncIterator[Engine]:
    """A second engine on the same database, as another process would have."""
    async with open_engine(database_url, user="ana", run_daemon=False) as engine:
        yield engine


async def test_ten_calls_of_a_chat_make_one_workspace(host: EngineHost, elsewhere: Engine) -> None:
    template = await host.template(start_apply=costing(20))
    toolsets = [await engine.toolset() for engine in (host.tools, elsewhere) for _ in range(5)]
    arguments = {"template_id": str(template.id)}

    async with asyncio.timeout(30):
        answers = await asyncio.gather(
            *(toolset.dispatch("create_workspace", arguments) for toolset in toolsets)
        )

    results = [fields(answer) for answer in answers]
    assert [result["created"] for result in results].count(True) == 1
    assert len({result["workspace_id"] for result in results}) == 1


@pytest.mark.parametrize("key", ["", "x" * 201, None, 7, "\ud800", "a\0b"])
async def test_a_key_that_no_chat_can_have_is_refused(host: EngineHost, key: object) -> None:
    with pytest.raises(ToolError):
        await host.tools.toolset(key)  # type: ignore[arg-type]


async def test_a_program_may_name_its_chats_as_it_likes(host: EngineHost) -> None:
    for key in ("a chat about ünïcode", "x" * 200):
        first, second = await host.tools.toolset(key), await host.tools.toolset(key)

        assert first.context.chat_id == second.context.chat_id


async def test_a_lease_held_elsewhere_keeps_a_call_out(host: EngineHost, elsewhere: Engine) -> None:
    await host.create(await host.template())
    chat = await host.chat()
    lease = await elsewhere.chats.try_lease(chat.id, timedelta(seconds=30))
    assert lease is not None

    refused = await host.call("stop_workspace", {"wait_seconds": 0.1})
    call = asyncio.create_task(host.stop())
    await elsewhere.chats.release(chat.id, lease)

    assert (refused.is_error, refused.content) == (True, BUSY)
    assert (await call)["stopped"] is True


async def test_a_lease_that_somebody_took_over_is_lost(host: EngineHost, elsewhere: Engine) -> None:
    chat = await host.chat()
    mine = await host.tools.chats.try_lease(chat.id, timedelta())
    theirs = await elsewhere.chats.try_lease(chat.id, timedelta(seconds=30))

    assert mine is not None
    assert theirs is not None
    assert not await mine.renew()
    assert await theirs.renew()


async def test_a_repeated_call_returns_the_first_answer_wherever_it_comes_from(
    host: EngineHost, elsewhere: Engine
) -> None:
    template = await host.template(start_apply=costing(50))
    arguments = {"template_id": str(template.id)}
    first = await host.call("create_workspace", arguments, call_id="call-1")
    await host.engine.set_allowance("Everyone", 50)

    again = await (await elsewhere.toolset()).dispatch("create_workspace", arguments, tool_call_id="call-1")
    anew = await host.call("create_workspace", arguments, call_id="call-2")

    assert fields(first)["error_code"] == "INSUFFICIENT_QUOTA"
    assert again == first
    assert fields(anew)["status"] == "rebuilt"


async def test_an_unfinished_call_is_taken_up_elsewhere(host: EngineHost, elsewhere: Engine) -> None:
    template = await host.template()
    host.echo.gate.clear()
    arguments = {"template_id": str(template.id)}
    first = await host.call("create_workspace", {**arguments, "wait_seconds": 0}, call_id="call-1")
    toolset = await elsewhere.toolset()
    again = asyncio.create_task(toolset.dispatch("create_workspace", arguments, tool_call_id="call-1"))
    host.echo.gate.set()

    async with asyncio.timeout(20):
        answer = fields(await again)

    assert answer["created"] is True
    assert answer["build_id"] == fields(first)["build_id"]
    assert (await host.build()).build_number == 1


async def test_one_id_for_two_requests_is_refused(host: EngineHost) -> None:
    template = await host.template()
    arguments = {"template_id": str(template.id)}
    await host.call("create_workspace", arguments, call_id="call-1")

    response = await host.call("create_workspace", {**arguments, "name": "x"}, call_id="call-1")

    assert response.content == "tool call id was already used for a different request"


async def test_an_interrupted_call_leaves_its_build_bound_and_its_lease_free(host: EngineHost) -> None:
    template = await host.template()
    host.echo.gate.clear()
    call = asyncio.create_task(host.create(template))
    await host.told(1)

    call.cancel()

    with pytest.raises(asyncio.CancelledError):
        await call
    chat = await host.chat()
    assert chat.build_id is not None
    lease = await host.tools.chats.try_lease(chat.id, timedelta(seconds=1))
    assert lease is not None
    await host.tools.chats.release(chat.id, lease)
    host.echo.gate.set()
    assert (await host.built()).transition is Transition.START
