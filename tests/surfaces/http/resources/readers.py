"""Clients that follow a log, over server-sent events and over a WebSocket."""

import json
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Protocol

from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from tests.surfaces.http.api_host import ApiHost, Person


@dataclass
class Followed:
    """What a reader has heard so far."""

    lines: AsyncIterator[dict[str, Any]]
    ended: list[object] = field(default_factory=list)
    """What ended it: the event ``done``, or the code of the WebSocket's close."""

    async def rest(self) -> list[str]:
        """The texts of all lines that are still to come."""
        return [line["output"] async for line in self.lines]

    async def next(self) -> dict[str, Any]:
        return await anext(self.lines)


class Reader(Protocol):
    """A way to follow a path."""

    def __call__(
        self, api: ApiHost, person: Person, path: str, *, after: int = 0
    ) -> AbstractAsyncContextManager[Followed]: ...


@asynccontextmanager
async def event_stream(api: ApiHost, person: Person, path: str, *, after: int = 0) -> AsyncIterator[Followed]:
    """Server-sent events, resumed as a browser does it."""
    headers = {"Accept": "text/event-stream"} | ({"Last-Event-ID": str(after)} if after else {})
    async with person.client.stream("GET", path, params={"follow": ""}, headers=headers) as answer:
        assert answer.status_code == 200
        ended: list[object] = []

        async def lines() -> AsyncIterator[dict[str, Any]]:
            event: dict[str, str] = {}
            async for text in answer.aiter_lines():
                if text:
                    name, _, value = text.partition(": ")
                    event[name] = value
                    continue
                if event.get("event") == "log":
                    line: dict[str, Any] = json.loads(event["data"])
                    assert str(line["id"]) == event["id"]
                    yield line
                elif event.get("event") == "done":
                    ended.append("done")
                event = {}

        yield Followed(lines(), ended)


@asynccontextmanager
async def websocket(api: ApiHost, person: Person, path: str, *, after: int = 0) -> AsyncIterator[Followed]:
    """A WebSocket, resumed by ``after``."""
    url = f"{api.root.replace('http', 'ws', 1)}/api/v2{path}?follow&after={after}"
    async with connect(url, additional_headers={"Coder-Session-Token": person.key}) as connection:
        ended: list[object] = []

        async def lines() -> AsyncIterator[dict[str, Any]]:
            try:
                while True:
                    yield json.loads(await connection.recv())
            except ConnectionClosed:
                ended.append(connection.close_code)

        yield Followed(lines(), ended)
