"""Connections whose requests do not arrive end; those that are being answered do not."""

import asyncio
from datetime import timedelta

import pytest

from chattool.api.patience import Patience
from db.clock import SystemClock
from db.transactions import Store
from tests.surfaces.http.api_host import ApiHost, api_host
from tests.surfaces.http.resources.fleet import Fleet
from tests.surfaces.http.resources.readers import Reader, event_stream, websocket

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

LONG, SHORT = timedelta(minutes=10), timedelta(milliseconds=300)
HEAD = b"POST /api/v2/users/first HTTP/1.1\r\nHost: localhost\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


async def answer(api: ApiHost, sent: bytes, *, forever: bytes = b"") -> bytes:
    """What a connection is told until the server ends it."""
    host, port = api.root.removeprefix("http://").split(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(sent)

    async def go_on() -> None:
        while forever:
            writer.write(forever)
            await SystemClock().sleep(SHORT / 10)  # a peer that is slow; the test waits for nothing

    going_on = asyncio.create_task(go_on())
    try:
        async with asyncio.timeout(20):
            return await reader.read()
    except ConnectionResetError:
        return b""
    finally:
        going_on.cancel()
        writer.close()


@pytest.mark.parametrize(
    ("sent", "forever"),
    [(b"", b""), (HEAD, b""), (HEAD + b"X: ", b"x")],
    ids=["silent", "half a head", "a slow head"],
)
async def test_a_connection_without_a_whole_head_ends(store: Store, sent: bytes, forever: bytes) -> None:
    async with api_host(store, patience=Patience(head=SHORT, progress=LONG, body=LONG)) as api:
        assert await answer(api, sent, forever=forever) == b""


async def test_a_connection_that_was_answered_and_is_silent_ends(store: Store) -> None:
    async with api_host(store, patience=Patience(head=SHORT, progress=LONG, body=LONG)) as api:
        told = await answer(api, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")

    assert told.startswith(b"HTTP/1.1 200")


@pytest.mark.parametrize("sent", [CHUNKED, CHUNKED + b"5\r\nhal"], ids=["no body", "half a body"])
async def test_a_body_that_stands_still_ends_its_connection(store: Store, sent: bytes) -> None:
    async with api_host(store, patience=Patience(head=LONG, progress=SHORT, body=LONG)) as api:
        await answer(api, sent)


async def test_a_body_that_never_ends_ends_its_connection(store: Store) -> None:
    async with api_host(store, patience=Patience(head=LONG, progress=LONG, body=SHORT)) as api:
        await answer(api, CHUNKED, forever=b"1\r\nx\r\n")


@pytest.mark.parametrize("reader", [pytest.param(event_stream, id="sse"), pytest.param(websocket, id="ws")])
async def test_a_follower_may_be_silent_for_longer(store: Store, reader: Reader) -> None:
    async with api_host(store, patience=Patience(head=SHORT, progress=SHORT, body=SHORT)) as api:
        fleet = await Fleet.on(api)
        workspace = await fleet.create(fleet.ben)
        run = await fleet.scenario.daemon.claim()
        assert run is not None
        await run.log("before")

        path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
        async with asyncio.timeout(30), reader(api, fleet.ben, path) as followed:
            assert (await followed.next())["output"] == "before"
            # A deadline of the follower's would pass before those of connections that begin later.
            await answer(api, b"")
            await answer(api, CHUNKED)
            await run.finish(lines=[run.line("after")])
            assert await followed.rest() == ["after"]


async def test_many_who_connect_at_once_are_all_answered(store: Store) -> None:
    async with api_host(store, patience=Patience(head=LONG, progress=LONG, body=LONG)) as api:
        asked = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
        told = await asyncio.gather(*(answer(api, asked) for _ in range(300)))

    assert {each.split(b"\r\n")[0] for each in told} == {b"HTTP/1.1 200 OK"}


async def test_a_request_that_outlasts_the_end_of_the_server_is_no_error_of_ours(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    async with api_host(store, close_limit=timedelta(seconds=1)) as api:
        asking = asyncio.create_task(answer(api, CHUNKED + b"5\r\nhal"))
        # Who connects later is answered later, so by then the half body has been begun.
        told = await answer(api, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    await asking

    assert told.startswith(b"HTTP/1.1 200")
    assert [record for record in caplog.records if record.exc_info] == []
