"""One call per SDK: ``call(base_url, streamed)`` raises what the SDK raises. See ``tests.sdk.clients``."""

from __future__ import annotations

import asyncio
import importlib
from typing import TYPE_CHECKING, Any

from chattool.chaterror import stream_guard

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable

MESSAGES = [{"role": "user", "content": "hi"}]


async def openai(base_url: str, streamed: bool) -> object:
    import openai

    async with openai.AsyncOpenAI(
        api_key="k", base_url=f"{base_url}/v1", max_retries=0, timeout=seconds(base_url)
    ) as client:
        answer = await client.chat.completions.create(model="m", messages=MESSAGES, stream=streamed)
        return await consumed(answer, "openai_chat") if streamed else answer


async def responses(base_url: str, streamed: bool) -> object:
    import openai

    async with openai.AsyncOpenAI(
        api_key="k", base_url=f"{base_url}/v1", max_retries=0, timeout=seconds(base_url)
    ) as client:
        answer = await client.responses.create(model="m", input="hi", stream=streamed)
        return await consumed(answer, "openai_responses") if streamed else answer


async def anthropic(base_url: str, streamed: bool) -> object:
    import anthropic

    async with anthropic.AsyncAnthropic(
        api_key="k", base_url=base_url, max_retries=0, timeout=seconds(base_url)
    ) as client:
        answer = await client.messages.create(model="m", messages=MESSAGES, max_tokens=9, stream=streamed)
        return await consumed(answer, "anthropic") if streamed else answer


def _google_client(base_url: str) -> Any:
    from google import genai

    once = genai.types.HttpRetryOptions(attempts=1)
    options = genai.types.HttpOptions(
        base_url=base_url, timeout=int(seconds(base_url) * 1000), retry_options=once
    )
    return genai.Client(api_key="k", http_options=options)


async def google(base_url: str, streamed: bool) -> object:
    client = _google_client(base_url)
    if streamed:
        return await consumed(
            _asynchronous(client.models.generate_content_stream(model="m", contents="hi")), "google"
        )
    return client.models.generate_content(model="m", contents="hi")


async def google_aiohttp(base_url: str, streamed: bool) -> object:
    client = _google_client(base_url).aio
    try:
        if streamed:
            return await consumed(
                await client.models.generate_content_stream(model="m", contents="hi"), "google"
            )
        return await client.models.generate_content(model="m", contents="hi")
    finally:
        await client.aclose()


async def mistral(base_url: str, streamed: bool) -> object:
    # Version 1 has it at the top.
    mistralai = importlib.import_module("mistralai")
    if not hasattr(mistralai, "Mistral"):
        mistralai = importlib.import_module("mistralai.client")

    async with mistralai.Mistral(
        api_key="k", server_url=base_url, timeout_ms=int(seconds(base_url) * 1000)
    ) as client:
        if streamed:
            stream = await client.chat.stream_async(model="m", messages=MESSAGES)
            return await consumed(_data_of(stream), "mistral")
        return await client.chat.complete_async(model="m", messages=MESSAGES)


async def _data_of(stream: Any) -> AsyncIterator[object]:
    async for event in stream:
        yield event.data


async def bedrock(base_url: str, streamed: bool) -> object:
    import boto3
    from botocore.config import Config

    limit = seconds(base_url)
    client = boto3.client(
        "bedrock-runtime",
        endpoint_url=base_url,
        region_name="eu-west-1",
        aws_access_key_id="k",
        aws_secret_access_key="s",  # noqa: S106 - nobody checks it
        config=Config(retries={"total_max_attempts": 1}, read_timeout=limit, connect_timeout=limit),
    )
    messages = [{"role": "user", "content": [{"text": "hi"}]}]
    if streamed:
        answer = client.converse_stream(modelId="m", messages=messages)
        return await consumed(_asynchronous(answer["stream"]), "bedrock")
    return client.converse(modelId="m", messages=messages)


def seconds(base_url: str) -> float:
    """How patient a client is: short only where the server stalls, so that a busy machine is no time-out."""
    return 1.5 if "stall" in base_url else 15


async def consumed(stream: Any, dialect: str) -> object:
    """The events of a stream, guarded."""
    return [event async for event in stream_guard(stream, dialect)]


async def _asynchronous(events: Iterable[object]) -> AsyncIterator[object]:
    iterator = iter(events)
    done = object()
    while (event := await asyncio.to_thread(next, iterator, done)) is not done:
        yield event
