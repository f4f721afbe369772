"""One call of a lifecycle tool: its time, the rights it has loaded, its reads."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from chattool.errors import ToolError, WorkspaceBuildTimeout, is_transient
from chattool.progress import PhaseProgress
from chattool.waiting import wait_for_build
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.backend import Actor, Build
    from chattool.context import ToolContext
    from db.ids import BuildId

T = TypeVar("T")

_ZERO = timedelta()
_READ_PAUSES = (timedelta(milliseconds=200), timedelta(milliseconds=800))


class Call:
    """``wait`` bounds the whole call; ``None`` leaves it to the host or the settings, zero waits for nothing.

    ``owner_error`` begins the sentence that says why the owner may not make the call.
    """

    def __init__(
        self,
        context: ToolContext,
        *,
        wait: timedelta | None = None,
        owner_error: str = "load user authorization",
    ) -> None:
        if context.wait_bounds is not None:
            wait = context.wait_bounds.of(wait)
        self.context = context
        self.settings = context.settings
        self.backend = context.backend
        self.chats = context.chats
        self.clock = context.backend.clock
        self.progress = PhaseProgress(context.on_progress, self.clock)
        self.waits = wait is None or wait > _ZERO
        started = self.clock.monotonic()
        self._build_deadline = started + self.settings.build_wait_limit
        self._deadline = None if wait is None else started + wait
        self._owner: Actor | None = None
        self._owner_error = owner_error

    def left(self, limit: timedelta) -> timedelta:
        """How long something may still take that has ``limit`` of its own; never negative."""
        if self._deadline is not None:
            limit = min(limit, self._deadline - self.clock.monotonic())
        return max(limit, _ZERO)

    @property
    def is_over(self) -> bool:
        """Whether the time of the whole call is up."""
        return self._deadline is not None and self._deadline <= self.clock.monotonic()

    @property
    def left_for_builds(self) -> timedelta:
        """What is left of the one limit for all waits for builds."""
        return self.left(self._build_deadline - self.clock.monotonic())

    async def owner(self) -> Actor:
        """The chat's owner with its roles, loaded once for all calls that need it.

        Raises:
            ToolError: it is gone, not active, or cannot be loaded.
        """
        if self._owner is None:
            try:
                self._owner = await self.backend.as_owner(self.context.owner_id)
            except ChattoolError as error:
                raise ToolError(f"{self._owner_error}: {error}") from error
        return self._owner

    async def read(self, what: str, read: Callable[[], Awaitable[T]]) -> T:
        """What ``read`` returns, tried again after transient errors.

        Raises:
            ToolError: it failed; ``what`` begins the sentence.
        """
        try:
            return await self._retried(read)
        except ChattoolError as error:
            raise ToolError(f"{what}: {error}") from error

    async def _retried(self, read: Callable[[], Awaitable[T]]) -> T:
        for pause in _READ_PAUSES:
            try:
                return await read()
            except ChattoolError as error:
                if not is_transient(error):
                    raise
            await self.clock.sleep(pause)
        return await read()

    async def wait(self, build_id: BuildId) -> Build:
        """The build, once it has succeeded; raises as ``wait_for_build`` does."""
        if not self.waits:
            raise WorkspaceBuildTimeout(build_id=build_id)
        async with self.progress.following(self.backend, build_id):
            return await wait_for_build(
                self.backend,
                build_id,
                timeout=self.left_for_builds,
                on_progress=self.progress.build,
                settings=self.settings,
            )
