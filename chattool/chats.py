"""The chat of a call: its lease, its binding to a build, and whom to tell about it."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Self, TypeVar

from chattool.errors import ToolError
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from types import TracebackType

    from chattool.backend import Chat, LeaseHandle
    from chattool.call import Call
    from db.ids import BuildId, WorkspaceId

T = TypeVar("T")

log = logging.getLogger(__name__)

_WITHOUT_WAITING = timedelta(seconds=5)

# Steps that outlive an interrupted call; asyncio itself keeps no task alive.
_detached: set[asyncio.Task[None]] = set()


class ChatBusy(ToolError):
    """Another call holds the chat's lease for longer than this call may wait."""

    code = "CHAT_BUSY"
    retryable = True
    default_message = "another call for this chat is in progress; try again"


async def acquired_lease(call: Call) -> HeldLease:
    """The chat's lease, to be entered at once.

    Raises:
        ChatBusy: somebody else kept it for as long as this call may wait.
        ToolError: the store cannot be asked for it.
    """
    clock, chat_id = call.clock, call.context.chat_id
    limit = call.left_for_builds if call.waits else _WITHOUT_WAITING
    deadline = clock.monotonic() + limit
    with call.chats.lease_changes(chat_id) as changes:
        while True:
            handle = await call.read("take chat lease", lambda: _taken(call))
            if handle is not None:
                return HeldLease(call, handle)
            left = deadline - clock.monotonic()
            if left <= timedelta():
                raise ChatBusy
            # A holder that crashed gives no hint.
            await changes.wait(min(left, call.settings.build_poll_interval))


async def _taken(call: Call) -> LeaseHandle | None:
    chat_id = call.context.chat_id
    taking = asyncio.create_task(call.chats.try_lease(chat_id, call.settings.chat_lease))
    try:
        return await asyncio.shield(taking)
    except asyncio.CancelledError:
        # The store may be about to grant it, and nobody else would give it back.
        _detach(_give_back(call, taking))
        raise


async def _give_back(call: Call, taking: asyncio.Task[LeaseHandle | None]) -> None:
    try:
        handle = await taking
        if handle is not None:
            await call.chats.release(call.context.chat_id, handle)
    except ChattoolError:
        keys = {"action": "chat_lease", "chat_id": call.context.chat_id}
        log.warning("cannot give back a chat lease", exc_info=True, extra=keys)


def _detach(work: Coroutine[Any, Any, None]) -> None:
    task = asyncio.create_task(work)
    _detached.add(task)
    task.add_done_callback(_detached.discard)


class HeldLease:
    """A chat's lease, renewed by a background task until the block, and a step begun in it, have ended."""

    def __init__(self, call: Call, handle: LeaseHandle) -> None:
        self._call = call
        self._handle = handle
        self._closing = asyncio.Event()
        self._renewal: asyncio.Task[None] | None = None
        self._step: asyncio.Task[object] | None = None

    async def __aenter__(self) -> Self:
        self._renewal = asyncio.create_task(self._renew_until_closed())
        return self

    async def __aexit__(
        self,
        _type: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        if self._step is None or self._step.done():
            await self._close()
            return
        _detach(self._close_after(self._step))

    async def confirm(self) -> bool:
        """Renew now; ``False`` when the lease is lost, so that nothing may be changed under it.

        Raises:
            ToolError: the store cannot be asked.
        """
        return await self._call.read("renew chat lease", self._handle.renew)

    async def complete(self, step: Coroutine[Any, Any, T]) -> T:
        """What ``step`` returns. It runs to its end, under the lease, even if the caller is interrupted."""
        task = asyncio.create_task(step)
        self._step = task
        return await asyncio.shield(task)

    async def _renew_until_closed(self) -> None:
        interval = self._call.settings.chat_lease_renewal
        while not await self._call.clock.wait(self._closing, interval):
            try:
                if not await self._handle.renew():
                    return
            except ChattoolError:
                log.warning("cannot renew a chat lease", exc_info=True, extra=self._keys())

    async def _close(self) -> None:
        self._closing.set()
        try:
            await self._call.chats.release(self._call.context.chat_id, self._handle)
        except ChattoolError:
            log.warning("cannot release a chat lease", exc_info=True, extra=self._keys())
        finally:
            if self._renewal is not None:
                self._renewal.cancel()

    async def _close_after(self, step: asyncio.Task[object]) -> None:
        try:
            await step
        except Exception:
            log.exception("a step of an interrupted call failed", extra=self._keys())
        finally:
            await self._close()

    def _keys(self) -> dict[str, object]:
        return {"action": "chat_lease", "chat_id": self._call.context.chat_id}


async def bind(call: Call, workspace_id: WorkspaceId, build_id: BuildId | None) -> Chat | None:
    """The chat, bound to workspace and build; ``None`` when it could not be written, which is only logged."""
    try:
        return await call.chats.bind(call.context.chat_id, workspace_id, build_id)
    except ChattoolError:
        keys = {"action": "bind_chat", "chat_id": call.context.chat_id, "build_id": build_id}
        log.exception("cannot bind a chat", extra=keys)
        return None


async def announce(call: Call, chat: Chat | None) -> None:
    """Tell the host that its chat has changed; what the host raises is logged."""
    if chat is None or call.context.on_chat_updated is None:
        return
    try:
        await call.context.on_chat_updated(chat)
    except Exception:
        log.exception("on_chat_updated failed", extra={"action": "chat_updated", "chat_id": chat.id})


async def announce_fresh(call: Call) -> None:
    """Tell the host about its chat as it is now."""
    if call.context.on_chat_updated is None:
        return
    try:
        chat = await call.read("load chat", lambda: call.chats.chat(call.context.chat_id))
    except ToolError:
        keys = {"action": "chat_updated", "chat_id": call.context.chat_id}
        log.warning("cannot read a chat again", exc_info=True, extra=keys)
        return
    await announce(call, chat)
