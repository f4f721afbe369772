"""Owners who build over HTTP, and ask again when a server dies under them."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx
from tenacity import AsyncRetrying, retry_if_exception, stop_after_delay, wait_random

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WORKSPACES = 3
COST = 10
#: Room for two of an owner's three workspaces, so that every third start is refused.
BUDGET = 25
_PATIENCE_SECONDS = 240
_SERVER_ERROR = 500
_LOSSES = {"detected as hung": "lost with its daemon", "lost contact with the server": "cut off"}
_TRANSITIONS = ("start", "start", "stop")


@dataclass(kw_only=True)
class Load:
    """What the owners ask for, and how it ended."""

    urls: Sequence[str]
    template_id: str
    outcomes: Counter[str] = field(default_factory=Counter)
    retried: int = 0
    """How many requests got no answer, or that of a server in trouble, and were made again."""

    async def run(self, tokens: Iterable[tuple[str, str]], builds: int, at_once: int) -> None:
        """Let each owner, a name and a token, make so many builds."""
        turns = asyncio.Semaphore(at_once)

        async def one(number: int, name: str, token: str) -> None:
            async with turns:
                await self._owner(number, name, token, builds)

        async with asyncio.TaskGroup() as owners:
            for number, (name, token) in enumerate(tokens):
                owners.create_task(one(number, name, token))

    async def _owner(self, number: int, name: str, token: str, builds: int) -> None:
        url = self.urls[number % len(self.urls)]
        headers = {"Coder-Session-Token": token}
        async with httpx.AsyncClient(base_url=f"{url}/api/v2", headers=headers, timeout=20) as client:
            shares = [len(range(place, builds, WORKSPACES)) for place in range(WORKSPACES)]
            async with asyncio.TaskGroup() as workspaces:
                for place, share in enumerate(shares):
                    workspaces.create_task(self._workspace(client, f"{name}-{place}", share))

    async def _workspace(self, client: httpx.AsyncClient, name: str, builds: int) -> None:
        body = {"name": name, "template_id": self.template_id}
        made = await self._post(client, "/users/me/workspaces", body, key=f"{name}-0")
        await self._ended(client, made["latest_build"]["id"])
        for number in range(1, builds):
            body = {"transition": _TRANSITIONS[number % len(_TRANSITIONS)]}
            build = await self._post(client, f"/workspaces/{made['id']}/builds", body, key=f"{name}-{number}")
            await self._ended(client, build["id"])

    async def _post(self, client: httpx.AsyncClient, path: str, body: Any, *, key: str) -> Any:  # noqa: ANN401 - JSON
        async def asked() -> Any:  # noqa: ANN401 - JSON
            answer = await client.post(path, json=body, headers={"Idempotency-Key": key})
            answer.raise_for_status()
            return answer.json()

        return await self._attempts()(asked)

    async def _ended(self, client: httpx.AsyncClient, build_id: str) -> None:
        """Follow the log until the server says that it has ended; then note how the build did."""

        async def followed() -> Any:  # noqa: ANN401 - JSON
            await _followed(client, build_id)
            answer = await client.get(f"/workspacebuilds/{build_id}")
            answer.raise_for_status()
            return answer.json()

        self.outcomes[_outcome(await self._attempts()(followed))] += 1

    def _attempts(self) -> AsyncRetrying:
        def count(_state: object) -> None:
            self.retried += 1

        return AsyncRetrying(
            retry=retry_if_exception(_of_a_server_in_trouble),
            wait=wait_random(0.1, 1),
            stop=stop_after_delay(_PATIENCE_SECONDS),
            before_sleep=count,
            reraise=True,
        )


class _Unfinished(Exception):
    """The stream broke before the end of the log."""


async def _followed(client: httpx.AsyncClient, build_id: str) -> None:
    path = f"/workspacebuilds/{build_id}/logs"
    events = {"Accept": "text/event-stream"}
    async with client.stream("GET", path, params={"follow": "true"}, headers=events) as answer:
        answer.raise_for_status()
        async for line in answer.aiter_lines():
            if line == "event: done":
                return
    raise _Unfinished


def _of_a_server_in_trouble(error: BaseException) -> bool:
    if isinstance(error, httpx.HTTPStatusError):
        return error.response.status_code >= _SERVER_ERROR
    return isinstance(error, (httpx.TransportError, _Unfinished))


def _outcome(build: Any) -> str:  # noqa: ANN401 - JSON
    job = build["job"]
    if job["status"] != "failed":
        return str(job["status"])
    if job.get("error_code"):
        return str(job["error_code"])
    # What a fault may do to a build, and is named: its daemon died, or was cut off for half its lease.
    for text, outcome in _LOSSES.items():
        if text in job["error"]:
            return outcome
    return f"failed: {job['error']}"
