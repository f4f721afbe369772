"""A chat that nobody has made yet: without a workspace, and with nothing to lock or to remember."""

from __future__ import annotations

from contextlib import nullcontext
from typing import TYPE_CHECKING

from chattool.backend import Chat
from db.errors import NotFound
from db.ids import ChatId, new_id
from db.wakeups import Subscription

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from chattool.backend import LeaseHandle, ToolCall
    from db.clock import Clock
    from db.ids import BuildId, OrganizationId, UserId, WorkspaceId


class UnmadeChat:
    """``ChatStore`` with one chat, which has no workspace and gets none."""

    def __init__(self, owner_id: UserId, organization_id: OrganizationId, clock: Clock) -> None:
        self.only = Chat(
            id=ChatId(new_id()),
            owner_id=owner_id,
            organization_id=organization_id,
            workspace_id=None,
            build_id=None,
            agent_id=None,
        )
        self._clock = clock

    async def chat(self, chat_id: ChatId) -> Chat:  # noqa: ARG002 - the only one
        return self.only

    async def bind(self, chat_id: ChatId, workspace_id: WorkspaceId, build_id: BuildId | None) -> Chat:  # noqa: ARG002
        raise NotFound("the chat has not been made")

    async def try_lease(self, chat_id: ChatId, duration: timedelta) -> LeaseHandle | None:  # noqa: ARG002
        return _Lease()

    async def release(self, chat_id: ChatId, lease: LeaseHandle) -> None:
        pass

    def lease_changes(self, chat_id: ChatId) -> AbstractContextManager[Subscription]:  # noqa: ARG002
        return nullcontext(Subscription(self._clock))

    async def tool_call(self, chat_id: ChatId, tool_call_id: str) -> ToolCall | None:  # noqa: ARG002
        return None

    async def record_tool_call(self, chat_id: ChatId, tool_call_id: str, call: ToolCall) -> None:
        pass


class _Lease:
    async def renew(self) -> bool:
        return True
