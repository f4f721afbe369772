"""A limit for the start of an answer."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from chattool.chaterror.classified import ClassifiedError, with_classification
from chattool.chaterror.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from datetime import timedelta


class StartupTimeout(Exception):
    """The provider did not begin to answer in time; classified as ``startup_timeout``, retryable."""


class StartupGuard:
    """Ends the guarded body unless it is told that the answer has begun."""

    def __init__(self, timer: asyncio.Timeout) -> None:
        self._timer = timer

    def started(self) -> None:
        """The answer has begun: the limit counts no more."""
        if not self._timer.expired():
            self._timer.reschedule(None)


@asynccontextmanager
async def startup_guard(limit: timedelta, *, provider: str = "") -> AsyncIterator[StartupGuard]:
    """A body that is cancelled unless ``guard.started()`` is called within ``limit``.

    Raises:
        StartupTimeout: the limit passed. A cancellation from outside passes through as itself.
    """
    timer = asyncio.timeout(limit.total_seconds())
    try:
        async with timer:
            yield StartupGuard(timer)
    except TimeoutError as error:
        if not timer.expired():
            raise
        late = StartupTimeout("the provider did not start responding in time")
        known = ClassifiedError(
            kind=Kind.STARTUP_TIMEOUT, provider=provider, retryable=True, evidence="E1:startup_guard"
        )
        raise with_classification(late, known) from error
