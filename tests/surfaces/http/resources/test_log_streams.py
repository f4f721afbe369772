"""Followers of a log, each attached to a real server: no line missing, none twice, in order, to the end."""

import asyncio
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest
from websockets.exceptions import InvalidStatus

from db import agents
from db.ids import AgentId
from db.states import JobStatus, LogLevel
from db.transactions import Store
from provisioner.protocol import Agent, Resource
from tests.surfaces.http.api_host import api_host
from tests.surfaces.http.resources.fleet import Fleet
from tests.surfaces.http.resources.readers import Reader, event_stream, websocket

READERS = [pytest.param(event_stream, id="sse"), pytest.param(websocket, id="ws")]
NORMAL_ENDS = ("done", 1000)


@pytest.mark.parametrize("reader", READERS)
async def test_followers_attached_while_lines_are_written_hear_each_line_once(
    fleet: Fleet, reader: Reader
) -> None:
    workspace = await fleet.create(fleet.ben)
    path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    written: list[str] = []

    async def write(amount: int) -> None:
        for _ in range(amount):
            written.append(f"line {len(written)}")
            await run.log(written[-1])

    async def follow() -> tuple[list[str], list[object]]:
        async with reader(fleet.api, fleet.ben, path) as followed:
            return await followed.rest(), followed.ended

    await write(3)
    followers = []
    for _ in range(4):
        followers.append(asyncio.create_task(follow()))
        await write(5)
    await run.begin_apply()
    await run.finish(lines=[run.line("the last line")])

    async with asyncio.timeout(30):
        heard = await asyncio.gather(*followers)
    for lines, ended in heard:
        assert lines == [*written, "the last line"]
        assert ended in [[end] for end in NORMAL_ENDS]


@pytest.mark.parametrize("reader", READERS)
async def test_a_log_longer_than_a_page_is_followed_whole(fleet: Fleet, reader: Reader) -> None:
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    written = [f"line {number}" for number in range(1200)]
    await run.log(*written)
    await run.finish(JobStatus.FAILED, error="no")

    async with (
        asyncio.timeout(30),
        reader(fleet.api, fleet.ben, f"/workspacebuilds/{workspace['latest_build']['id']}/logs") as followed,
    ):
        assert await followed.rest() == written


@pytest.mark.parametrize("limit", [1, 500, 700, 5000])
async def test_no_more_lines_are_answered_than_were_asked_for(fleet: Fleet, limit: int) -> None:
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    written = [f"line {number}" for number in range(1200)]
    await run.log(*written)

    path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
    answer = await fleet.ben.get(path, params={"limit": limit})

    assert [line["output"] for line in answer.json()] == written[:limit]


@pytest.mark.parametrize("reader", READERS)
async def test_following_a_pending_build_ends_when_it_is_cancelled(fleet: Fleet, reader: Reader) -> None:
    workspace = await fleet.create(fleet.ben)
    build_id = workspace["latest_build"]["id"]

    async with (
        asyncio.timeout(30),
        reader(fleet.api, fleet.ben, f"/workspacebuilds/{build_id}/logs") as followed,
    ):
        rest = asyncio.create_task(followed.rest())
        answer = await fleet.ben.patch(f"/workspacebuilds/{build_id}/cancel")
        assert answer.status_code == 200
        assert await rest == []
        assert followed.ended in [[end] for end in NORMAL_ENDS]


@pytest.mark.parametrize("reader", READERS)
async def test_the_lines_of_the_reaper_are_heard_too(fleet: Fleet, reader: Reader) -> None:
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    await run.log("working")
    await run.begin_apply()

    async with (
        asyncio.timeout(30),
        reader(fleet.api, fleet.ben, f"/workspacebuilds/{workspace['latest_build']['id']}/logs") as followed,
    ):
        assert (await followed.next())["output"] == "working"
        rest = asyncio.create_task(followed.rest())
        fleet.scenario.store.clock.advance(fleet.scenario.lost)  # type: ignore[attr-defined]
        assert await fleet.scenario.reap() == 1
        ruler = "===================="
        said = "chattool: build detected as hung for 45 seconds, it will be terminated"
        assert await rest == ["", ruler, said, ruler, ""]
        assert followed.ended in [[end] for end in NORMAL_ENDS]


@pytest.mark.parametrize("reader", READERS)
async def test_a_broken_stream_is_resumed_behind_the_last_line_heard(fleet: Fleet, reader: Reader) -> None:
    workspace = await fleet.create(fleet.ben)
    path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    await run.log("one", "two", "three")
    async with asyncio.timeout(30):
        async with reader(fleet.api, fleet.ben, path) as broken:
            await broken.next()
            last = (await broken.next())["id"]
        await run.log("four")
        await run.finish(JobStatus.FAILED, error="no")
        async with reader(fleet.api, fleet.ben, path, after=last) as resumed:
            assert await resumed.rest() == ["three", "four"]


@pytest.mark.parametrize("reader", READERS)
async def test_one_server_tells_what_is_written_through_another(
    fleet: Fleet, reader: Reader, other_store: Store
) -> None:
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    async with AsyncExitStack() as stack:
        await stack.enter_async_context(asyncio.timeout(30))
        other = await stack.enter_async_context(api_host(other_store))
        path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
        ben = await other.signed_in(fleet.ben.user)
        followed = await stack.enter_async_context(reader(other, ben, path))
        rest = asyncio.create_task(followed.rest())
        await run.log("one")
        await run.finish(JobStatus.FAILED, error="no")
        assert await rest == ["one"]


@pytest.mark.parametrize("reader", READERS)
async def test_a_server_that_stops_ends_its_followers_but_not_their_log(fleet: Fleet, reader: Reader) -> None:
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    await run.log("one")

    async with (
        asyncio.timeout(30),
        reader(fleet.api, fleet.ben, f"/workspacebuilds/{workspace['latest_build']['id']}/logs") as followed,
    ):
        assert (await followed.next())["output"] == "one"
        fleet.api.services.stopping.set()
        assert await followed.rest() == []
        assert followed.ended in ([], [1001])


@pytest.mark.parametrize("reader", READERS)
async def test_a_client_that_leaves_is_noticed_and_nothing_is_left_behind(
    fleet: Fleet, reader: Reader
) -> None:
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    await run.log("one")
    wakeups = fleet.scenario.store.wakeups

    async with (
        asyncio.timeout(30),
        reader(fleet.api, fleet.ben, f"/workspacebuilds/{workspace['latest_build']['id']}/logs") as followed,
    ):
        await followed.next()
        assert wakeups.in_use

    async with asyncio.timeout(30):
        while wakeups.in_use:
            await fleet.ben.get("/buildinfo")


@pytest.mark.parametrize("reader", READERS)
async def test_the_log_of_an_import_is_followed_the_same_way(fleet: Fleet, reader: Reader) -> None:
    version_id, job_id = await fleet.scenario.push("other")
    run = await fleet.scenario.claimed(job_id)

    async with (
        asyncio.timeout(30),
        reader(fleet.api, fleet.ben, f"/templateversions/{version_id}/logs") as followed,
    ):
        rest = asyncio.create_task(followed.rest())
        await run.log("parsing")
        await run.finish(JobStatus.FAILED, error="no")
        assert await rest == ["parsing"]


async def test_a_websocket_is_refused_with_the_status_and_body_of_http(fleet: Fleet) -> None:
    workspace = await fleet.create(fleet.ben)
    path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"

    for person, status in ((fleet.cleo, 404), (fleet.eve, 404)):
        with pytest.raises(InvalidStatus) as refused:
            async with websocket(fleet.api, person, path):
                pass
        assert refused.value.response.status_code == status
        assert b"Resource not found" in (refused.value.response.body or b"")


@pytest.mark.parametrize("token", ["", "wrong"])
async def test_no_websocket_opens_without_a_token(
    fleet: Fleet, token: str, caplog: pytest.LogCaptureFixture
) -> None:
    workspace = await fleet.create(fleet.ben)
    version = workspace["latest_build"]["template_version_id"]
    stranger = replace(fleet.ben, key=token)

    for path in (
        f"/workspacebuilds/{workspace['latest_build']['id']}/logs",
        f"/templateversions/{version}/logs",
        f"/workspaceagents/{workspace['id']}/logs",
    ):
        with pytest.raises(InvalidStatus) as refused:
            async with websocket(fleet.api, stranger, path):
                pass
        assert refused.value.response.status_code == 401
    # An answer later, the server is done with all of them.
    assert (await fleet.ben.get("/users/me")).status_code == 200
    assert [record.getMessage() for record in caplog.records if record.name == "uvicorn.error"] == []


async def test_what_an_agent_writes_is_followed_until_another_build_replaces_it(fleet: Fleet) -> None:
    machine = Resource(type="machine", name="dev", agents=(Agent(name="main"),))
    workspace = await fleet.running(fleet.ben, resources=[machine])
    agent_id = workspace["latest_build"]["resources"][0]["agents"][0]["id"]
    store = fleet.api.store

    async with (
        asyncio.timeout(30),
        websocket(fleet.api, fleet.ben, f"/workspaceagents/{agent_id}/logs") as followed,
    ):
        await store.write(agents.append_logs, AgentId(UUID(agent_id)), [(LogLevel.INFO, "hello")])
        line = await followed.next()
        assert (line["output"], line["level"]) == ("hello", "info")
        rest = asyncio.create_task(followed.rest())
        await fleet.ben.post(f"/workspaces/{workspace['id']}/builds", {"transition": "stop"})
        await fleet.build_next()
        fleet.scenario.store.clock.advance(timedelta(seconds=1))  # type: ignore[attr-defined]
        assert await rest == []
        assert followed.ended == [1000]
