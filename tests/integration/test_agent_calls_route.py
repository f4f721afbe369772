"""The owner's way to a workspace's agent over HTTP, on a real server."""

import asyncio
import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import suppress
from datetime import timedelta
from http.client import HTTPConnection
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import pytest
import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from starlette.types import ASGIApp, Receive, Scope, Send

from chattool.api import agent_calls
from chattool.backend import Actor
from chattool.workspace_calls import AgentAway, AgentCallFailed, AgentCallLost
from db.errors import ChattoolError, NotFound, RequestError
from db.ids import AgentId, UserId
from tests.agents import GUARD_SECONDS

AGENT = uuid4()
OWNER = Actor(user_id=UserId(uuid4()))


class AnsweringCalls:
    """Answers or raises as it is told, or hangs until it is cancelled."""

    def __init__(self) -> None:
        self.asked: list[tuple[Actor, UUID, str, Mapping[str, object], timedelta]] = []
        self.outcome: Mapping[str, object] | ChattoolError | None = {"text": "☃ \ud800"}
        self.begun, self.cancelled = asyncio.Event(), asyncio.Event()

    async def agent_call(
        self,
        actor: Actor,
        agent_id: AgentId,
        method: str,
        request: Mapping[str, object],
        *,
        timeout: timedelta,
    ) -> Mapping[str, object]:
        self.asked.append((actor, agent_id, method, request, timeout))
        if isinstance(self.outcome, ChattoolError):
            raise self.outcome
        if self.outcome is not None:
            return self.outcome
        self.begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            self.cancelled.set()
        return {}


@pytest.fixture
def calls() -> AnsweringCalls:
    return AnsweringCalls()


def signed_in(app: FastAPI) -> ASGIApp:
    """The application for somebody whose token was looked at; whom a route serves is told by ``actor``."""

    async def call(scope: Scope, receive: Receive, send: Send) -> None:
        scope.setdefault("state", {})["caller"] = OWNER
        await app(scope, receive, send)

    return call


@pytest.fixture
async def port(calls: AnsweringCalls) -> AsyncIterator[int]:
    async def actor(request: Request) -> Actor:
        if request.headers.get("authorization") != "Bearer mine":
            raise RequestError(401, "who are you?")
        return OWNER

    app = FastAPI()
    app.state.services = SimpleNamespace(backend=calls, stopping=asyncio.Event())
    app.dependency_overrides[agent_calls.caller_as_actor] = actor
    app.add_exception_handler(RequestError, lambda _request, _error: JSONResponse({}, status_code=401))
    app.include_router(agent_calls.router, prefix="/api/v2")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server = uvicorn.Server(uvicorn.Config(signed_in(app), lifespan="off", log_config=None))
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        yield listener.getsockname()[1]
        server.should_exit = True
        await serving


async def post(port: int, body: object, *, token: str = "mine") -> tuple[int, Any]:  # noqa: S107 - no secret
    def send() -> tuple[int, Any]:
        connection = HTTPConnection("127.0.0.1", port, timeout=GUARD_SECONDS)
        try:
            headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
            connection.request("POST", f"/api/v2/workspaceagents/{AGENT}/calls", json.dumps(body), headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()

    return await asyncio.to_thread(send)


async def test_the_agents_answer_comes_back(port: int, calls: AnsweringCalls) -> None:
    body = {"method": "execute", "request": {"command": "true"}, "timeout_ms": 5000}

    assert await post(port, body) == (200, {"result": {"text": "☃ \ud800"}})
    assert calls.asked == [(OWNER, AGENT, "execute", {"command": "true"}, timedelta(seconds=5))]


@pytest.mark.parametrize(
    ("error", "status", "code"),
    [
        (AgentAway(), 409, "AGENT_AWAY"),
        (AgentCallLost(), 504, "OUTCOME_UNKNOWN"),
        (AgentCallFailed("NOT_FOUND", "no such file"), 422, "AGENT_CALL_FAILED"),
        (NotFound(), 404, "NOT_FOUND"),
        (RequestError(413, "too large"), 413, "REQUEST_REFUSED"),
    ],
    ids=lambda value: value.code if isinstance(value, ChattoolError) else None,
)
async def test_each_failure_has_its_status_and_code(
    port: int, calls: AnsweringCalls, error: ChattoolError, status: int, code: str
) -> None:
    calls.outcome = error

    answered, body = await post(port, {"method": "read_file"})

    assert (answered, body["code"], body["message"]) == (status, code, str(error))
    assert body.get("reason") == getattr(error, "reason", None)


@pytest.mark.parametrize("body", [{}, {"method": "x" * 65}, {"method": "x", "timeout_ms": 10**9}, []])
async def test_a_body_that_makes_no_sense_is_refused(port: int, calls: AnsweringCalls, body: object) -> None:
    assert (await post(port, body))[0] == 422
    assert calls.asked == []


async def test_who_has_no_right_reaches_nobody(port: int, calls: AnsweringCalls) -> None:
    status, _ = await post(port, {"method": "execute"}, token="other")  # noqa: S106 - no secret

    assert status == 401
    assert calls.asked == []


async def test_a_client_that_leaves_withdraws_its_call(port: int, calls: AnsweringCalls) -> None:
    calls.outcome = None
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    body = json.dumps({"method": "execute"})
    writer.write(
        f"POST /api/v2/workspaceagents/{AGENT}/calls HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer mine\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}".encode()
    )
    async with asyncio.timeout(GUARD_SECONDS):
        await calls.begun.wait()
        writer.close()
        with suppress(ConnectionError):
            await reader.read()
        await calls.cancelled.wait()
