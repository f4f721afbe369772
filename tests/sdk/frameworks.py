"""One call per HTTP client and per framework around the SDKs. See ``tests.sdk.clients``."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

from tests.sdk.sdks import MESSAGES, consumed, seconds

Call = Callable[[str, bool], Awaitable[object]]


def httpx_like(package: str) -> Call:
    """A host that speaks HTTP itself, through httpx or httpx2."""

    async def call(base_url: str, streamed: bool) -> object:
        library = importlib.import_module(package)
        url = f"{base_url}/v1/chat/completions"
        async with library.AsyncClient(timeout=seconds(base_url), trust_env=False) as client:
            if streamed:
                async with client.stream("POST", url, json={}) as response:
                    response.raise_for_status()
                    return await consumed(_events(response.aiter_lines()), "openai_chat")
            response = await client.post(url, json={})
            response.raise_for_status()
            return response.json()

    return call


async def aiohttp(base_url: str, streamed: bool) -> object:
    """A host that speaks HTTP itself, through aiohttp: its errors have no body."""
    library = importlib.import_module("aiohttp")
    timeout = library.ClientTimeout(sock_connect=seconds(base_url), sock_read=seconds(base_url))
    async with (
        library.ClientSession(timeout=timeout, raise_for_status=True) as client,
        client.post(f"{base_url}/v1/chat/completions", json={}) as response,
    ):
        if streamed:
            return await consumed(_events(_lines(response.content)), "openai_chat")
        return await response.json()


async def _lines(content: Any) -> AsyncIterator[str]:
    async for line in content:
        yield line.decode().rstrip()


async def _events(lines: AsyncIterator[str]) -> AsyncIterator[object]:
    async for line in lines:
        if line.startswith("data: "):
            yield json.loads(line.removeprefix("data: "))


def _openai_client(base_url: str) -> Any:
    openai = importlib.import_module("openai")
    return openai.AsyncOpenAI(
        api_key="k", base_url=f"{base_url}/v1", max_retries=0, timeout=seconds(base_url)
    )


async def pydantic_ai(base_url: str, streamed: bool) -> object:
    """One request through pydantic-ai."""
    models = importlib.import_module("pydantic_ai.models.openai")
    providers = importlib.import_module("pydantic_ai.providers.openai")
    direct = importlib.import_module("pydantic_ai.direct")
    messages = importlib.import_module("pydantic_ai.messages")
    async with _openai_client(base_url) as client:
        model = models.OpenAIChatModel("m", provider=providers.OpenAIProvider(openai_client=client))
        asked = [messages.ModelRequest(parts=[messages.UserPromptPart(content="hi")])]
        if not streamed:
            return await direct.model_request(model, asked)
        async with direct.model_request_stream(model, asked) as stream:
            return [event async for event in stream]


def openai_agents(model_class: str) -> Call:
    """One request through a model of openai-agents."""

    async def call(base_url: str, streamed: bool) -> object:
        os.environ["OPENAI_AGENTS_DISABLE_TRACING"] = "1"
        agents = importlib.import_module("agents")
        agents.set_tracing_disabled(True)
        async with _openai_client(base_url) as client:
            model = getattr(agents, model_class)("m", client)
            asked = {
                "system_instructions": None,
                "input": "hi",
                "model_settings": agents.ModelSettings(),
                "tools": [],
                "output_schema": None,
                "handoffs": [],
                "tracing": agents.ModelTracing.DISABLED,
                "previous_response_id": None,
                "conversation_id": None,
                "prompt": None,
            }
            if not streamed:
                return await model.get_response(**asked)
            return [event async for event in model.stream_response(**asked)]

    return call


def litellm_of(prefix: str) -> Call:
    """One request through litellm, to the provider it calls ``prefix``."""

    async def call(base_url: str, streamed: bool) -> object:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm

        litellm.suppress_debug_info = True
        answer = await litellm.acompletion(
            model=f"{prefix}/m",
            messages=MESSAGES,
            api_base=f"{base_url}/v1" if prefix == "openai" else base_url,
            api_key="k",
            stream=streamed,
            timeout=seconds(base_url),
            num_retries=0,
            max_retries=0,
        )
        return await consumed(answer, "openai_chat") if streamed else answer

    return call
