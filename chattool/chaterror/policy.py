"""How often a model call is tried, and how long the waits between are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True, kw_only=True)
class RetryPolicy:
    """How often and how patiently a call is tried.

    ``max_hint`` is the longest delay of a provider that is slept through; ``None`` is without limit.

    Raises:
        ValueError: fewer than one attempt, or a negative duration.
    """

    attempts: int = 25
    base: timedelta = timedelta(seconds=1)
    cap: timedelta = timedelta(seconds=60)
    max_hint: timedelta | None = timedelta(minutes=15)

    def __post_init__(self) -> None:
        if self.attempts < 1:
            raise ValueError("a call needs at least one attempt")
        if min(self.base, self.cap, self.max_hint or timedelta()) < timedelta():
            raise ValueError("a retry cannot wait for a negative duration")


DEFAULT_POLICY = RetryPolicy()


def effective_delay(n: int, retry_after: timedelta, policy: RetryPolicy = DEFAULT_POLICY) -> timedelta:
    """The wait after failed attempt ``n`` (from 0): doubled up to the cap, never below ``retry_after``."""
    # Behind so many doublings any base has reached any cap that fits into a timedelta.
    base = min(policy.base * 2 ** min(max(n, 0), 40), policy.cap) if policy.base < policy.cap else policy.cap
    return max(base, retry_after)
