"""One call of a tool as an agent makes it, shown while it goes on."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.cli.build_view import BuildView

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from chattool.backend import Chat
    from chattool.cli.operations import Operations
    from chattool.cli.screen import Screen
    from chattool.results import ToolResponse
    from db.ids import BuildId

# After the answer only lines that are on their way are waited for.
_LAST_LINES = timedelta(seconds=2)


class LiveCall:
    """Calls tools of one chat, and shows the builds that they make or join."""

    def __init__(self, operations: Operations, chat: str, screen: Screen, *, indent: int = 2) -> None:
        self._operations = operations
        self._chat = chat
        self._screen = screen
        self._indent = indent
        self.build_id: BuildId | None = None
        """The build that is being followed, or was last."""

    async def call(
        self, name: str, arguments: Mapping[str, object], *, tool_call_id: str | None = None
    ) -> ToolResponse:
        """The tool's answer."""
        with BuildView(self._screen, indent=self._indent) as view:
            async with self._following(view) as follow:
                toolset = await self._operations.toolset(self._chat, on_chat_updated=follow)
                context = toolset.context
                follow.known = (await context.chats.chat(context.chat_id)).build_id
                view.busy(name)
                return await toolset.dispatch(name, arguments, tool_call_id=tool_call_id)

    @asynccontextmanager
    async def _following(self, view: BuildView) -> AsyncIterator[_Follow]:
        follow = _Follow(self, self._operations, view)
        try:
            yield follow
        except BaseException:
            follow.cancel()
            raise
        else:
            await follow.finish()


class _Follow:
    """Told of each change of the chat; follows the builds that this call makes."""

    def __init__(self, owner: LiveCall, operations: Operations, view: BuildView) -> None:
        self._owner = owner
        self._operations = operations
        self._view = view
        self._task: asyncio.Task[object] | None = None
        self._seen: set[BuildId] = set()
        self.known: BuildId | None = None
        """The build that the chat had before the call."""

    async def __call__(self, chat: Chat) -> None:
        if chat.build_id is None or chat.build_id in self._seen:
            return
        self._seen.add(chat.build_id)
        if chat.build_id == self.known and not await self._is_active(chat.build_id):
            return  # an old build, that this call only found
        previous, self._owner.build_id = self._task, chat.build_id
        self._task = asyncio.create_task(self._show(previous, chat.build_id))

    async def _show(self, previous: asyncio.Task[object] | None, build_id: BuildId) -> None:
        if previous is not None:
            await previous
        await self._view.follow(self._operations, build_id, startup=True)

    async def _is_active(self, build_id: BuildId) -> bool:
        return (await self._operations.build_by_id(build_id)).job.status.active

    async def finish(self) -> None:
        """Show the last lines of what has ended; leave what goes on."""
        if self._task is None:
            return
        build_id = self._owner.build_id
        assert build_id is not None  # noqa: S101 - set with the task
        if not await self._is_active(build_id):
            await asyncio.wait({self._task}, timeout=_LAST_LINES.total_seconds())
        self.cancel()

    def cancel(self) -> None:
        if self._task is not None:
            self._task.cancel()
