"""Limits and intervals of the agent tools."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


@dataclass(frozen=True, kw_only=True)
class WaitBounds:
    """How long calls wait on a surface whose clients have limits of their own."""

    default: timedelta
    longest: timedelta

    def of(self, wait: timedelta | None) -> timedelta:
        """How long a call waits that was asked to wait for ``wait``."""
        return self.default if wait is None else min(wait, self.longest)


@dataclass(frozen=True, kw_only=True)
class ToolSettings:
    """Every bound of a tool call; the defaults suit a host that waits for builds."""

    build_wait_limit: timedelta = timedelta(minutes=10)
    """All waits for builds of one call together."""
    build_poll_interval: timedelta = timedelta(seconds=5)
    """Only a backup: waiters are woken."""
    read_error_limit: timedelta = timedelta(seconds=30)
    chat_lease: timedelta = timedelta(seconds=30)
    chat_lease_renewal: timedelta = timedelta(seconds=10)
    decision_rounds: int = 3
    quota_lookup_timeout: timedelta = timedelta(seconds=5)
    agent_connect_window: timedelta = timedelta(minutes=2)
    agent_connect_attempt: timedelta = timedelta(seconds=5)
    agent_reconnect_window: timedelta = timedelta(seconds=10)
    """How long a call into the workspace waits for an agent that is not in contact."""
    agent_retry_interval: timedelta = timedelta(seconds=2)
    startup_limit: timedelta = timedelta(minutes=10)
    lifecycle_poll_interval: timedelta = timedelta(seconds=2)
    agent_inactive_timeout: timedelta = timedelta(seconds=30)
    chat_agent_suffix: str = "-chat"
    workspace_ttl: str | Callable[[], Awaitable[str]] = ""
    """A duration such as ``1h30m``, or what reads one; empty leaves it to the template."""
