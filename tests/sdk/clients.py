"""One call per SDK: ``call(base_url, streamed)`` raises what the SDK raises."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any

from chattool.chaterror import stream_guard

TIMEOUT_SECONDS = 0.6
_MESSAGES = [{"role": "user", "content": "hi"}]

Call = Callable[[str, bool], Awaitable[object]]


@dataclass(frozen=True, kw_only=True)
class Client:
    """An SDK, the provider it is made to talk to, and how."""

    package: str
    dialect: str
    """What the server speaks."""
    call: Call


async def _openai(base_url: str, streamed: bool) -> object:
    import openai

    async with openai.AsyncOpenAI(
        api_key="k", base_url=f"{base_url}/v1", max_retries=0, timeout=TIMEOUT_SECONDS
    ) as client:
        answer = await client.chat.completions.create(model="m", messages=_MESSAGES, stream=streamed)
        return await _consumed(answer, "openai_chat") if streamed else answer


async def _responses(base_url: str, streamed: bool) -> object:
    import openai

    async with openai.AsyncOpenAI(
        api_key="k", base_url=f"{base_url}/v1", max_retries=0, timeout=TIMEOUT_SECONDS
    ) as client:
        answer = await client.responses.create(model="m", input="hi", stream=streamed)
        return await _consumed(answer, "openai_responses") if streamed else answer


async def _anthropic(base_url: str, streamed: bool) -> object:
    import anthropic

    async with anthropic.AsyncAnthropic(
        api_key="k", base_url=base_url, max_retries=0, timeout=TIMEOUT_SECONDS
    ) as client:
        answer = await client.messages.create(model="m", messages=_MESSAGES, max_tokens=9, stream=streamed)
        return await _consumed(answer, "anthropic") if streamed else answer


def _google_client(base_url: str) -> Any:
    from google import genai

    options = genai.types.HttpOptions(base_url=base_url, timeout=int(TIMEOUT_SECONDS * 1000))
    return genai.Client(api_key="k", http_options=options)


async def _google(base_url: str, streamed: bool) -> object:
    client = _google_client(base_url)
    if streamed:
        return await _consumed(
            _asynchronous(client.models.generate_content_stream(model="m", contents="hi")), "google"
        )
    return client.models.generate_content(model="m", contents="hi")


async def _google_aiohttp(base_url: str, streamed: bool) -> object:
    client = _google_client(base_url).aio
    try:
        if streamed:
            return await _consumed(
                await client.models.generate_content_stream(model="m", contents="hi"), "google"
            )
        return await client.models.generate_content(model="m", contents="hi")
    finally:
        await client.aclose()


async def _mistral(base_url: str, streamed: bool) -> object:
    from mistralai.client import Mistral

    async with Mistral(api_key="k", server_url=base_url, timeout_ms=int(TIMEOUT_SECONDS * 1000)) as client:
        if streamed:
            stream = await client.chat.stream_async(model="m", messages=_MESSAGES)
            return await _consumed(_data_of(stream), "mistral")
        return await client.chat.complete_async(model="m", messages=_MESSAGES)


async def _data_of(stream: Any) -> AsyncIterator[object]:
    async for event in stream:
        yield event.data


async def _bedrock(base_url: str, streamed: bool) -> object:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=base_url,
        region_name="eu-west-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",  # noqa: S106 - nobody checks it
        config=Config(
            retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_SECONDS, connect_timeout=TIMEOUT_SECONDS
        ),
    )
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    if streamed:
        answer = client.converse_stream(modelId="m", messages=messages)
        return await _consumed(_asynchronous(answer["stream"]), "bedrock")
    return client.converse(modelId="m", messages=messages)


def _litellm(prefix: str) -> Call:
    async def call(base_url: str, streamed: bool) -> object:
        os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
        import litellm

        litellm.suppress_debug_info = True
        answer = await litellm.acompletion(
            model=f"{prefix}/m",
            messages=_MESSAGES,
            api_base=f"{base_url}/v1" if prefix == "openai" else base_url,
            api_key="k",
            stream=streamed,
            timeout=TIMEOUT_SECONDS,
            num_retries=0,
            max_retries=0,
        )
        return await _consumed(answer, "openai_chat") if streamed else answer

    return call


async def _consumed(stream: Any, dialect: str) -> object:
    return [event async for event in stream_guard(stream, dialect)]


async def _asynchronous(events: Iterable[object]) -> AsyncIterator[object]:
    iterator = iter(events)
    done = object()
    while (event := await asyncio.to_thread(next, iterator, done)) is not done:
        yield event


CLIENTS = {
    "openai": Client(package="openai", dialect="openai", call=_openai),
    "openai responses": Client(package="openai", dialect="responses", call=_responses),
    "anthropic": Client(package="anthropic", dialect="anthropic", call=_anthropic),
    "google-genai": Client(package="google-genai", dialect="google", call=_google),
    "google-genai aiohttp": Client(package="google-genai", dialect="google", call=_google_aiohttp),
    "mistralai": Client(package="mistralai", dialect="mistral", call=_mistral),
    "boto3": Client(package="boto3", dialect="bedrock", call=_bedrock),
    "litellm openai": Client(package="litellm", dialect="openai", call=_litellm("openai")),
    "litellm anthropic": Client(package="litellm", dialect="anthropic", call=_litellm("anthropic")),
}
