"""Trying a model call again, on top of tenacity: only ``retryable`` decides, the provider's delay is a floor.

Only for the model call itself; a tool that ran must not run again. An object made by ``retrying`` serves
one call at a time.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias, TypeVar

from tenacity import AsyncRetrying, RetryCallState
from tenacity.retry import retry_base
from tenacity.stop import stop_base
from tenacity.wait import wait_base

from chattool.chaterror.classified import ClassifiedError, with_classification
from chattool.chaterror.classifier import classify
from chattool.chaterror.policy import DEFAULT_POLICY, RetryPolicy, effective_delay
from chattool.chaterror.tree import text_of

T = TypeVar("T")

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class RetryEvent:
    """A failed attempt, before the wait for the next one. ``attempt`` counts from 1."""

    attempt: int
    error: Exception
    classification: ClassifiedError
    delay: timedelta


OnRetry: TypeAlias = Callable[[RetryEvent], Awaitable[None] | None]
Sleep: TypeAlias = Callable[[float], Awaitable[None]]


class RetryExhausted(Exception):
    """Every attempt failed. The cause is the last error, whose classification this one carries."""

    def __init__(self, attempts: int, last: BaseException) -> None:
        super().__init__(f"max retry attempts ({attempts}) exceeded: {text_of(last)}")
        self.attempts = attempts


class wait_provider(wait_base):  # noqa: N801 - named as tenacity names its strategies
    """Seconds until the next attempt, by the policy and the failed attempt's classification."""

    def __init__(self, policy: RetryPolicy = DEFAULT_POLICY, *, provider: str | None = None) -> None:
        self.policy = policy
        self.provider = provider

    def __call__(self, retry_state: RetryCallState) -> float:
        error = _failure(retry_state)
        retry_after = classify(error, provider=self.provider).retry_after
        return effective_delay(retry_state.attempt_number - 1, retry_after, self.policy).total_seconds()


class retry_if_provider(retry_base):  # noqa: N801
    """Whether the failed attempt is worth another one. The error is left with its classification attached.

    Raises:
        CancelledError: the running task is being cancelled, whatever the attempt failed with.
    """

    def __init__(self, policy: RetryPolicy = DEFAULT_POLICY, *, provider: str | None = None) -> None:
        self.policy = policy
        self.provider = provider

    def __call__(self, retry_state: RetryCallState) -> bool:
        error = _failure(retry_state)
        if not isinstance(error, Exception):
            return False
        raise_if_canceled()
        found = classify(error, provider=self.provider)
        if not found.is_empty:
            with_classification(error, found)
        fits = self.policy.max_hint is None or found.retry_after <= self.policy.max_hint
        return found.retryable and fits


class stop_policy(stop_base):  # noqa: N801
    """Whether the policy's attempts are used up."""

    def __init__(self, policy: RetryPolicy = DEFAULT_POLICY) -> None:
        self.policy = policy

    def __call__(self, retry_state: RetryCallState) -> bool:
        return retry_state.attempt_number >= self.policy.attempts


def retrying(
    policy: RetryPolicy = DEFAULT_POLICY,
    *,
    provider: str | None = None,
    on_retry: OnRetry | None = None,
    sleep: Sleep | None = None,
) -> AsyncRetrying:
    """A loop that tries a model call as the policy says; ``sleep`` takes seconds and is the event loop's.

    ``on_retry`` is called before each wait and must discard the failed attempt's partial output; what it
    raises is logged.

    Raises:
        RetryExhausted: the last attempt failed as well.
        CancelledError: the task was cancelled before, between or in attempts.
    """

    async def check(_state: RetryCallState) -> None:
        raise_if_canceled()

    async def tell(state: RetryCallState) -> None:
        if on_retry is not None:
            await _tell(on_retry, state)

    loop = AsyncRetrying(
        stop=stop_policy(policy),
        wait=wait_provider(policy, provider=provider),
        retry=retry_if_provider(policy, provider=provider),
        before=check,
        before_sleep=tell,
        reraise=True,
        retry_error_callback=_exhausted,
    )
    return loop if sleep is None else loop.copy(sleep=sleep)


async def call_with_retry(
    call: Callable[[], Awaitable[T]],
    policy: RetryPolicy = DEFAULT_POLICY,
    *,
    provider: str | None = None,
    on_retry: OnRetry | None = None,
    sleep: Sleep | None = None,
) -> T:
    """What ``call`` returns in the end. See ``retrying``.

    Raises:
        RetryExhausted: the last attempt failed as well.
        Exception: what ``call`` raised, with its classification attached, when another try is useless.
    """

    async def attempt() -> T:
        return await call()

    return await retrying(policy, provider=provider, on_retry=on_retry, sleep=sleep)(attempt)


def raise_if_canceled() -> None:
    """Raise ``CancelledError`` when somebody wants the running task to end."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError


def _failure(state: RetryCallState) -> BaseException | None:
    return state.outcome.exception() if state.outcome is not None and state.outcome.failed else None


async def _tell(on_retry: OnRetry, state: RetryCallState) -> None:
    error = _failure(state)
    if not isinstance(error, Exception):
        return
    event = RetryEvent(
        attempt=state.attempt_number,
        error=error,
        classification=classify(error),
        delay=timedelta(seconds=state.upcoming_sleep),
    )
    try:
        answer = on_retry(event)
        if inspect.isawaitable(answer):
            await answer
    except Exception:
        log.exception("on_retry failed", extra={"action": "on_retry", "attempt": event.attempt})


def _exhausted(state: RetryCallState) -> None:
    error = _failure(state)
    if error is None:
        return
    raise with_classification(RetryExhausted(state.attempt_number, error), classify(error)) from error
