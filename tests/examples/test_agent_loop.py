"""``examples/agent_loop.py`` against an endpoint that misbehaves in each way."""

from __future__ import annotations

import asyncio
import importlib.util
import os
import socket
import sys
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from chattool import open_engine
from tests.examples.misbehaving_endpoint import (
    Behaviour,
    Endpoint,
    answer,
    hang_up,
    misbehaving_endpoint,
    reset,
    stall,
    stream,
    tool_call,
    words,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from types import ModuleType

    from chattool.engine import Engine

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "agent_loop.py"


def _loaded() -> ModuleType:
    spec = importlib.util.spec_from_file_location("agent_loop", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["agent_loop"] = module
    spec.loader.exec_module(module)
    return module


agent_loop = _loaded()
AT_ONCE = timedelta(milliseconds=50)


class Talk:
    """A conversation with the endpoint, what it showed, and how long it would have slept."""

    def __init__(self, engine: Engine, endpoint: Endpoint, client: httpx.AsyncClient) -> None:
        self.engine = engine
        self.endpoint = endpoint
        self.client = client
        self.events: list[tuple[str, Any]] = []
        self.naps: list[float] = []

    async def conversation(
        self, *, base_url: str = "", start_limit: timedelta = timedelta(seconds=30)
    ) -> Any:  # noqa: ANN401 - the example is loaded by its path
        toolset = await self.engine.toolset("test")
        model = agent_loop.Model(
            client=self.client,
            base_url=base_url or self.endpoint.base_url,
            name="m",
            provider="openai",
            start_limit=start_limit,
        )
        return agent_loop.Conversation(
            chat_id=toolset.context.chat_id,
            store=self.engine.store,
            toolset=toolset,
            model=model,
            show=lambda name, event: self.events.append((name, event)),
            sleep=self._nap,
        )

    async def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)

    def shown(self, name: str) -> list[Any]:
        return [event for each, event in self.events if each == name]


@pytest.fixture
async def talk(tmp_path: Path) -> AsyncIterator[Talk]:
    url = f"sqlite:///{tmp_path / 'agent.db'}"
    timeout = httpx.Timeout(30, connect=5)
    async with (
        asyncio.timeout(50),
        open_engine(url, run_daemon=False) as engine,
        misbehaving_endpoint() as endpoint,
        httpx.AsyncClient(timeout=timeout, trust_env=False) as client,
    ):
        yield Talk(engine, endpoint, client)


def code(name: str, message: str = "m") -> dict[str, object]:
    return {"error": {"code": name, "message": message}}


PASSING: dict[str, tuple[Behaviour, str]] = {
    "a rate limit": (answer(429, code("rate_limit_exceeded"), headers={"retry-after": "7"}), "rate_limit"),
    "an overload": (answer(529), "overloaded"),
    "a page of a gateway": (answer(502, "<html>payment required</html>", kind="text/html"), "timeout"),
    "a server error": (answer(500, code("odd")), "generic"),
    "a reset": (reset, "timeout"),
    "a connection that ends without a word": (hang_up, "timeout"),
    "a stream that reports a failure": (stream(words("a", None), code("server_error")), "generic"),
    "a stream that is reset": (stream(words("a", None), end="reset"), "timeout"),
    "a stream that ends too early": (stream(words("a", None), end="early"), "timeout"),
    "a stream of something else": (answer(200, "data: {broken\n\n", kind="text/event-stream"), "generic"),
    "an overload with status 200": (answer(200, code("overloaded_error")), "overloaded"),
}


@pytest.mark.parametrize(("behaviour", "kind"), PASSING.values(), ids=PASSING)
async def test_what_may_pass_is_tried_again_and_leaves_nothing_behind(
    talk: Talk, behaviour: Behaviour, kind: str
) -> None:
    talk.endpoint.behaviours = [behaviour, stream(words("hel", None), words("lo"))]
    conversation = await talk.conversation()

    assert await conversation.turn("hi") == "hello"

    (event,) = talk.shown("retry")
    assert (event["attempt"], event["kind"], event["provider"]) == (1, kind, "openai")
    assert talk.naps == [7 if kind == "rate_limit" else 1]
    await conversation.show_last_error()
    assert talk.shown("error") == []


FINAL: dict[str, tuple[Behaviour, str]] = {
    "spent money": (answer(429, code("insufficient_quota")), "quota_exhausted"),
    "a wrong key": (answer(401, code("invalid_api_key")), "auth"),
    "a too long prompt": (answer(400, code("context_length_exceeded")), "context_overflow"),
    "an unknown model": (answer(404, code("model_not_found")), "config"),
    "an odd request": (answer(422, code("odd")), "invalid_request"),
    "a failure of an unknown type in a stream": (stream(code("odd", "service unavailable")), "generic"),
    "a delay beyond the ceiling": (answer(429, headers={"retry-after": "43200"}), "rate_limit"),
}


@pytest.mark.parametrize(("behaviour", "kind"), FINAL.values(), ids=FINAL)
async def test_what_will_not_pass_is_shown_live_and_the_same_after_a_reload(
    talk: Talk, behaviour: Behaviour, kind: str
) -> None:
    talk.endpoint.behaviours = [behaviour]

    assert await (await talk.conversation()).turn("hi") is None

    (live,) = talk.shown("error")
    assert (live["kind"], live["provider"]) == (kind, "openai")
    assert talk.naps == []
    talk.events.clear()
    reloaded = await talk.conversation()
    await reloaded.show_last_error()
    assert talk.shown("error") == [live]


async def test_a_dead_endpoint_is_a_final_failure_after_all_attempts(talk: Talk) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        base_url = f"http://127.0.0.1:{closed.getsockname()[1]}/v1"
        assert await (await talk.conversation(base_url=base_url)).turn("hi") is None
    assert (len(talk.naps), len(talk.shown("retry"))) == (24, 24)
    (live,) = talk.shown("error")
    assert (live["kind"], live["code"], live["retryable"]) == ("timeout", "ECONNREFUSED", True)


@pytest.mark.parametrize("behaviour", [stall, stream(end="stall")], ids=["no answer", "no event"])
async def test_an_endpoint_that_does_not_begin_is_left_and_asked_again(
    talk: Talk, behaviour: Behaviour
) -> None:
    talk.endpoint.behaviours = [behaviour] + [stream(words("hello"))] * 24
    conversation = await talk.conversation(start_limit=AT_ONCE)
    # However slow this machine is: with all its attempts the turn ends well.
    assert await conversation.turn("hi") == "hello"
    assert talk.shown("retry")[0]["kind"] == "startup_timeout"


async def test_tools_are_used_and_their_answers_given_back(talk: Talk) -> None:
    talk.endpoint.behaviours = [
        stream(*tool_call("create_workspace", '{"template_id": "nonsense"}')),
        answer(503),
        stream(words("no such template")),
    ]
    assert await (await talk.conversation()).turn("a workspace, please") == "no such template"
    first, second, third = talk.endpoint.requests
    assert {tool["function"]["name"] for tool in first["tools"]} >= {"create_workspace", "stop_workspace"}
    called, answered = third["messages"][-2:]
    assert called["tool_calls"][0]["function"]["arguments"] == '{"template_id": "nonsense"}'
    assert (answered["role"], answered["tool_call_id"]) == ("tool", "call_1")
    assert "template_id" in answered["content"]
    # The model was asked twice with the same messages; the tool ran once.
    assert second["messages"] == third["messages"]
    assert len(talk.shown("tool")) == 1


async def test_a_new_turn_forgets_the_last_error(talk: Talk) -> None:
    talk.endpoint.behaviours = [answer(401), stream(words("hello"))]
    conversation = await talk.conversation()
    await conversation.turn("hi")
    await conversation.turn("again")
    talk.events.clear()
    await conversation.show_last_error()
    assert talk.events == []


@pytest.mark.parametrize("key", ["sk-not-a-key-at-all-000", ""], ids=["a key", "no key"])
async def test_the_program_shows_the_same_error_when_it_is_started_again(
    talk: Talk, tmp_path: Path, key: str
) -> None:
    talk.endpoint.behaviours = [answer(402)]
    program = [sys.executable, str(EXAMPLE), "--base-url", talk.endpoint.base_url, "--provider", "openai"]
    program += ["--url", f"sqlite:///{tmp_path / 'program.db'}"]

    async def run(*words_: str) -> tuple[int | None, str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENAI_API_KEY": key}
        process = await asyncio.create_subprocess_exec(
            *program, *words_, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE, env=environment
        )
        out, err = await process.communicate()
        assert b"sk-not-a-key" not in out + err
        return process.returncode, out.decode()

    failed, live = await run("hi")
    again, reloaded = await run()
    assert (failed, again) == (1, 0)
    assert live == reloaded
    assert '"kind": "quota_exhausted"' in live
