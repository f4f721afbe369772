"""Readers who do not read: a server that has waited long enough for them lets them go."""

import asyncio
import base64
import socket
from collections.abc import AsyncIterator
from datetime import timedelta
from urllib.parse import urlsplit
from uuid import UUID

import pytest

from db.ids import AgentId
from db.transactions import Store
from provisioner.protocol import Agent, Resource
from tests import unbounded_logs
from tests.surfaces.http.api_host import api_host
from tests.surfaces.http.resources.fleet import Fleet

UNREAD_LIMIT = timedelta(milliseconds=200)
MACHINE = Resource(type="machine", name="dev", agents=(Agent(name="main"),))
#: More than the buffers of a connection take.
LOG = ["x" * (1 << 20)] * 24
WEBSOCKET = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": base64.b64encode(b"k" * 16).decode(),
}


@pytest.fixture
async def fleet(store: Store) -> AsyncIterator[Fleet]:
    """A server that soon loses its patience."""
    async with api_host(store, unread_limit=UNREAD_LIMIT) as host:
        yield await Fleet.on(host)


def answering() -> bool:
    """Whether the server is still at a request."""
    return any(getattr(task.get_coro(), "__name__", "") == "run_asgi" for task in asyncio.all_tasks())


@pytest.mark.parametrize(
    ("query", "headers"),
    [
        pytest.param("", {}, id="list"),
        pytest.param("?follow", {}, id="sse"),
        pytest.param("?follow", WEBSOCKET, id="ws"),
    ],
)
async def test_a_reader_that_takes_nothing_is_let_go(
    fleet: Fleet, query: str, headers: dict[str, str]
) -> None:
    workspace = await fleet.running(fleet.ben, resources=[MACHINE])
    agent_id = workspace["latest_build"]["resources"][0]["agents"][0]["id"]
    await fleet.api.store.write(unbounded_logs.insert, AgentId(UUID(agent_id)), *LOG)
    fields = {"Host": "chattool", "Coder-Session-Token": fleet.ben.key, **headers}
    request = f"GET /api/v2/workspaceagents/{agent_id}/logs{query} HTTP/1.1\r\n"
    request += "".join(f"{name}: {value}\r\n" for name, value in fields.items()) + "\r\n"
    loop = asyncio.get_running_loop()
    server = urlsplit(fleet.api.root)
    reader = socket.socket()
    reader.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    reader.settimeout(0)

    async with asyncio.timeout(60):
        with reader:
            await loop.sock_connect(reader, (server.hostname, server.port))
            await loop.sock_sendall(reader, request.encode())
            assert (await loop.sock_recv(reader, 4)) == b"HTTP"
            while answering():
                await fleet.ben.get("/buildinfo")
            received = 0
            while piece := await loop.sock_recv(reader, 1 << 20):
                received += len(piece)

    assert received < sum(map(len, LOG)) / 2
