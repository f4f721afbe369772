"""Streams that were opened rightly end when the right does."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest

from chattool.api.standing import RENEWED_EVERY
from db.clock import FakeClock
from provisioner.protocol import Agent, Resource
from tests.surfaces.http.api_host import ApiHost, Person
from tests.surfaces.http.resources.fleet import Fleet
from tests.surfaces.http.resources.readers import Followed, Reader, event_stream, websocket

MACHINE = Resource(type="machine", name="dev", agents=(Agent(name="main"),))
READERS = [pytest.param(event_stream, id="sse"), pytest.param(websocket, id="ws")]


async def audited(fleet: Fleet) -> Person:
    """Cleo, who may see what is Ben's."""
    await set_roles(fleet, ["organization-auditor"])
    return fleet.cleo


async def set_roles(fleet: Fleet, roles: list[str]) -> None:
    answer = await fleet.ana.put("/organizations/default/members/cleo/roles", {"roles": roles})
    assert answer.status_code == 200


async def revoked(fleet: Fleet) -> None:
    assert (await fleet.cleo.delete(f"/users/me/keys/tokens/{fleet.cleo.token_id}")).status_code == 204


async def suspended(fleet: Fleet) -> None:
    assert (await fleet.ana.put("/users/cleo/status/suspend")).status_code == 200


async def demoted(fleet: Fleet) -> None:
    await set_roles(fleet, [])


async def removed(fleet: Fleet) -> None:
    assert (await fleet.ana.delete("/organizations/default/members/cleo")).status_code == 204


async def rest_as_time_passes(fleet: Fleet, clock: FakeClock, followed: Followed) -> list[str]:
    rest = asyncio.create_task(followed.rest())
    while not rest.done():
        clock.advance(RENEWED_EVERY)
        await fleet.ana.get("/buildinfo")
    return rest.result()


ENDS = [pytest.param(each, id=each.__name__) for each in (revoked, suspended, demoted, removed)]
End = Callable[[Fleet], Awaitable[None]]


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("end", ENDS)
async def test_a_followed_log_ends_for_who_may_no_longer_see_it(
    fleet: Fleet, clock: FakeClock, reader: Reader, end: End
) -> None:
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None
    await run.log("for cleo")

    async with (
        asyncio.timeout(30),
        reader(
            fleet.api, await audited(fleet), f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
        ) as followed,
    ):
        assert (await followed.next())["output"] == "for cleo"
        await end(fleet)
        clock.advance(RENEWED_EVERY)
        await run.log("not for cleo")

        assert await followed.rest() == []
        assert followed.ended in ([], [1001])


@pytest.mark.parametrize("reader", READERS)
async def test_a_followed_log_goes_on_for_who_may_still_see_it(
    fleet: Fleet, clock: FakeClock, reader: Reader
) -> None:
    workspace = await fleet.create(fleet.ben)
    run = await fleet.scenario.daemon.claim()
    assert run is not None

    async with (
        asyncio.timeout(30),
        reader(
            fleet.api, await audited(fleet), f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
        ) as followed,
    ):
        for number in range(3):
            await run.log(f"line {number}")
            assert (await followed.next())["output"] == f"line {number}"
            clock.advance(RENEWED_EVERY)


@asynccontextmanager
async def watch(api: ApiHost, person: Person, path: str, *, after: int = 0) -> AsyncIterator[Followed]:
    async with person.client.stream("GET", path) as answer:
        assert answer.status_code == 200

        async def events() -> AsyncIterator[dict[str, str]]:
            async for line in answer.aiter_lines():
                if line.startswith("data:"):
                    yield {"output": line}

        yield Followed(events())


@pytest.mark.parametrize("end", ENDS)
async def test_a_watch_ends_for_who_may_no_longer_see_the_workspace(
    fleet: Fleet, clock: FakeClock, end: End
) -> None:
    workspace = await fleet.create(fleet.ben)

    async with (
        asyncio.timeout(30),
        watch(fleet.api, await audited(fleet), f"/workspaces/{workspace['id']}/watch") as followed,
    ):
        await followed.next()
        await end(fleet)

        assert await rest_as_time_passes(fleet, clock, followed) == []


async def test_the_log_of_an_agent_ends_for_who_may_no_longer_see_it(fleet: Fleet, clock: FakeClock) -> None:
    workspace = await fleet.running(fleet.ben, resources=[MACHINE])
    agent_id = workspace["latest_build"]["resources"][0]["agents"][0]["id"]

    async with (
        asyncio.timeout(30),
        websocket(fleet.api, await audited(fleet), f"/workspaceagents/{agent_id}/logs") as followed,
    ):
        await suspended(fleet)

        assert await rest_as_time_passes(fleet, clock, followed) == []
