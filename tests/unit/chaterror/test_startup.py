"""A limit for the start of an answer."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from chattool.chaterror import StartupTimeout, classify, startup_guard

AT_ONCE = timedelta()


async def test_a_body_that_does_not_start_is_ended_with_a_classified_error() -> None:
    with pytest.raises(StartupTimeout) as caught:
        async with startup_guard(AT_ONCE, provider="openai"):
            await asyncio.Event().wait()
    found = classify(caught.value)
    assert (found.kind, found.retryable) == ("startup_timeout", True)
    assert found.message == "OpenAI did not start responding in time."


async def test_a_body_that_started_has_all_the_time() -> None:
    async with startup_guard(AT_ONCE) as guard:
        guard.started()
        for _ in range(3):
            await asyncio.sleep(0)  # noqa: TID251 - a turn of the event loop, no wait


async def test_starting_again_or_after_the_limit_does_no_harm() -> None:
    async def body() -> None:
        async with startup_guard(AT_ONCE) as guard:
            try:
                await asyncio.Event().wait()
            finally:
                guard.started()

    with pytest.raises(StartupTimeout):
        await body()


async def test_a_cancellation_from_outside_passes_through_as_itself() -> None:
    inside = asyncio.Event()

    async def body() -> None:
        async with startup_guard(timedelta(hours=1)):
            inside.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(body())
    async with asyncio.timeout(20):
        await inside.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


async def test_a_time_out_of_the_body_itself_passes_through_as_itself() -> None:
    own = TimeoutError("mine")
    with pytest.raises(TimeoutError) as caught:
        async with startup_guard(timedelta(hours=1)):
            raise own
    assert caught.value is own
