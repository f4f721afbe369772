"""The retry loop. No test waits: sleeping is injected."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest
import tenacity

from chattool.chaterror import (
    ClassifiedError,
    RetryEvent,
    RetryExhausted,
    RetryPolicy,
    call_with_retry,
    classify,
    effective_delay,
    retry_if_provider,
    retrying,
    stop_policy,
    wait_provider,
    with_classification,
)
from tests.unit.chaterror.shapes import answered

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

OVERLOADED = answered(529)


class Naps:
    """Sleeps that take no time."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


@pytest.fixture
def naps() -> Naps:
    return Naps()


def failing(*errors: BaseException) -> Callable[[], Awaitable[str]]:
    """A call that raises these errors one after the other, then answers."""
    left = list(errors)

    async def call() -> str:
        if left:
            raise left.pop(0)
        return "answer"

    return call


# The policy


@pytest.mark.parametrize(
    ("n", "seconds"),
    [(0, 1), (1, 2), (2, 4), (3, 8), (4, 16), (5, 32), (6, 60), (7, 60), (10_000, 60), (-1, 1)],
)
def test_the_delay_doubles_up_to_a_minute(n: int, seconds: int) -> None:
    assert effective_delay(n, timedelta()) == timedelta(seconds=seconds)


def test_the_providers_delay_is_a_floor_that_never_shortens_and_is_never_capped() -> None:
    assert effective_delay(0, timedelta(seconds=5)) == timedelta(seconds=5)
    assert effective_delay(4, timedelta(seconds=5)) == timedelta(seconds=16)
    assert effective_delay(9, timedelta(hours=12)) == timedelta(hours=12)


def test_a_base_above_the_cap_is_capped() -> None:
    policy = RetryPolicy(base=timedelta(seconds=9), cap=timedelta(seconds=3))
    assert effective_delay(0, timedelta(), policy) == timedelta(seconds=3)


@pytest.mark.parametrize("wrong", [{"attempts": 0}, {"base": timedelta(seconds=-1)}])
def test_a_policy_without_sense_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"attempt|negative"):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


# The loop


async def test_a_success_ends_the_loop(naps: Naps) -> None:
    assert await call_with_retry(failing(), sleep=naps) == "answer"
    assert naps.seconds == []


async def test_a_retryable_failure_is_tried_again_after_its_delay(naps: Naps) -> None:
    limited = answered(429, headers={"retry-after": "7"})
    assert await call_with_retry(failing(OVERLOADED, limited, answered(503)), sleep=naps) == "answer"
    assert naps.seconds == [1, 7, 4]


async def test_twenty_five_calls_and_twenty_four_waits_at_most(naps: Naps) -> None:
    last = answered(529, text="the last")
    with pytest.raises(RetryExhausted) as caught:
        await call_with_retry(failing(*[OVERLOADED] * 24, last, OVERLOADED), provider="openai", sleep=naps)
    assert len(naps.seconds) == 24
    assert str(caught.value) == "max retry attempts (25) exceeded: the last"
    assert caught.value.__cause__ is last
    found = classify(caught.value)
    assert (found.kind, found.provider, found.retryable) == ("overloaded", "openai", True)


async def test_a_failure_that_cannot_say_its_text_runs_out_like_any_other(naps: Naps) -> None:
    class Unprintable(Exception):
        status_code = 529

        def __str__(self) -> str:
            raise RuntimeError

    with pytest.raises(RetryExhausted) as caught:
        await call_with_retry(failing(*[Unprintable()] * 2), RetryPolicy(attempts=2), sleep=naps)
    assert str(caught.value) == "max retry attempts (2) exceeded: "
    assert classify(caught.value).kind == "overloaded"


async def test_a_final_failure_is_raised_at_once_as_itself_with_its_classification(naps: Naps) -> None:
    wrong_key = answered(401)
    with pytest.raises(type(wrong_key)) as caught:
        await call_with_retry(failing(wrong_key), provider="anthropic", sleep=naps)
    assert caught.value is wrong_key
    assert classify(RuntimeError("later")) != classify(wrong_key)
    assert (classify(wrong_key).kind, classify(wrong_key).provider) == ("auth", "anthropic")
    assert naps.seconds == []


async def test_only_the_flag_decides(naps: Naps) -> None:
    foreign = with_classification(RuntimeError("odd"), ClassifiedError(kind="solar_flare", retryable=True))
    assert await call_with_retry(failing(foreign), sleep=naps) == "answer"


async def test_a_delay_beyond_the_ceiling_is_not_slept_through(naps: Naps) -> None:
    far = answered(429, headers={"retry-after": "901"})
    with pytest.raises(type(far)):
        await call_with_retry(failing(far), sleep=naps)
    found = classify(far)
    assert (found.retryable, found.retry_after, naps.seconds) == (True, timedelta(seconds=901), [])


async def test_the_ceiling_can_be_switched_off(naps: Naps) -> None:
    far = answered(429, headers={"retry-after": "43200"})
    await call_with_retry(failing(far), RetryPolicy(max_hint=None), sleep=naps)
    assert naps.seconds == [43200]


async def test_a_delay_at_the_ceiling_is_slept_through(naps: Naps) -> None:
    await call_with_retry(failing(answered(429, headers={"retry-after": "900"})), sleep=naps)
    assert naps.seconds == [900]


# Hooks


async def test_the_hook_is_called_once_per_wait_and_before_it(naps: Naps) -> None:
    events: list[tuple[int, float, str, int]] = []

    def note(event: RetryEvent) -> None:
        events.append(
            (event.attempt, event.delay.total_seconds(), event.classification.kind, len(naps.seconds))
        )

    await call_with_retry(failing(OVERLOADED, answered(429)), on_retry=note, sleep=naps)
    assert events == [(1, 1, "overloaded", 0), (2, 2, "rate_limit", 1)]


async def test_the_hook_may_be_asynchronous(naps: Naps) -> None:
    errors: list[Exception] = []

    async def note(event: RetryEvent) -> None:
        errors.append(event.error)

    await call_with_retry(failing(OVERLOADED), on_retry=note, sleep=naps)
    assert errors == [OVERLOADED]


async def test_what_the_hook_raises_is_logged_and_ignored(
    naps: Naps, caplog: pytest.LogCaptureFixture
) -> None:
    def note(_event: RetryEvent) -> None:
        raise ValueError("odd hook")

    assert await call_with_retry(failing(OVERLOADED), on_retry=note, sleep=naps) == "answer"
    assert [record.__dict__["action"] for record in caplog.records] == ["on_retry"]


# Cancellation


async def test_a_cancellation_out_of_an_attempt_is_never_retried(naps: Naps) -> None:
    canceled = asyncio.CancelledError("mine")
    with pytest.raises(asyncio.CancelledError) as caught:
        await call_with_retry(failing(canceled), sleep=naps)
    assert caught.value is canceled


@pytest.mark.parametrize("error", [KeyboardInterrupt(), SystemExit(3)], ids=["interrupt", "exit"])
async def test_an_interpreter_exit_is_raised_unchanged(error: BaseException, naps: Naps) -> None:
    with pytest.raises(type(error)) as caught:
        await _awaited_inside_a_wall(call_with_retry(failing(error), sleep=naps))
    assert caught.value is error


async def _awaited_inside_a_wall(call: Awaitable[str]) -> None:
    # The event loop itself would end with such an error in a task, so it is kept in this one.
    await call


async def test_a_task_that_is_being_canceled_makes_no_first_call(naps: Naps) -> None:
    called = False

    async def call() -> None:
        nonlocal called
        called = True

    async def work() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        await call_with_retry(call, sleep=naps)

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(work())
    assert not called


async def test_a_cancellation_during_an_attempt_surfaces_as_one_whatever_the_attempt_raises(
    naps: Naps,
) -> None:
    async def call() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()
        raise OVERLOADED

    with pytest.raises(asyncio.CancelledError):
        await asyncio.create_task(call_with_retry(call, sleep=naps))
    assert naps.seconds == []


async def test_a_cancellation_ends_the_sleep_at_once_and_surfaces_as_one() -> None:
    asleep = asyncio.Event()

    async def sleep(_seconds: float) -> None:
        asleep.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(call_with_retry(failing(OVERLOADED), sleep=sleep))
    async with asyncio.timeout(20):
        await asleep.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


# tenacity


async def test_retrying_is_a_loop_of_tenacity(naps: Naps) -> None:
    loop = retrying(RetryPolicy(attempts=2), sleep=naps)
    assert isinstance(loop, tenacity.AsyncRetrying)
    attempts: list[int] = []

    async def use() -> None:
        async for attempt in loop:
            with attempt:
                attempts.append(attempt.retry_state.attempt_number)
                raise OVERLOADED

    with pytest.raises(RetryExhausted):
        await use()
    assert attempts == [1, 2]


async def test_the_parts_serve_a_set_up_of_ones_own(naps: Naps) -> None:
    policy = RetryPolicy(attempts=3)
    own = tenacity.AsyncRetrying(
        wait=wait_provider(policy) + tenacity.wait_fixed(0),
        retry=retry_if_provider(policy) | tenacity.retry_if_exception_type(KeyError),
        stop=stop_policy(policy) | tenacity.stop_never,
        sleep=naps,
        reraise=True,
    )
    assert await own(failing(OVERLOADED, KeyError("k"))) == "answer"
    with pytest.raises(type(OVERLOADED)):
        await own(failing(*[OVERLOADED] * 5))
