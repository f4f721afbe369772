"""The chat store on our own database."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool import backend
from db import chats
from db.ids import new_id

if TYPE_CHECKING:
    from contextlib import AbstractContextManager
    from datetime import timedelta
    from uuid import UUID

    from chattool.backend import Chat, LeaseHandle, ToolCall
    from db import records
    from db.ids import BuildId, ChatId, OrganizationId, UserId, WorkspaceId
    from db.transactions import Store
    from db.wakeups import Subscription


class StoreLease:
    """A lease of a chat, held in the database."""

    def __init__(self, store: Store, chat_id: ChatId, duration: timedelta) -> None:
        self.holder: UUID = new_id()
        self._store = store
        self._chat_id = chat_id
        self._duration = duration

    async def take(self) -> bool:
        """Whether the lease was free."""
        return await self._store.write(chats.take_lease, self._chat_id, self.holder, self._duration)

    async def renew(self) -> bool:
        return await self._store.write(chats.renew_lease, self._chat_id, self.holder, self._duration)

    async def give_back(self) -> None:
        """Free the lease, if it is still held."""
        await self._store.write(chats.release_lease, self._chat_id, self.holder)


class StoreChats:
    """``HostChats`` on an open store."""

    def __init__(self, store: Store) -> None:
        self.store = store

    async def find(self, owner_id: UserId, handle: str) -> Chat | None:
        """The owner's chat with that id or key."""
        found = await self.store.read(chats.find, owner_id, handle)
        return None if found is None else chat_record(found)

    async def ensure(self, owner_id: UserId, organization_id: OrganizationId, key: str) -> Chat:
        """The owner's chat with that key, made when missing."""
        return chat_record(await self.store.write(chats.ensure, owner_id, organization_id, key))

    async def chat(self, chat_id: ChatId) -> Chat:
        return chat_record(await self.store.read(chats.chat, chat_id))

    async def bind(self, chat_id: ChatId, workspace_id: WorkspaceId, build_id: BuildId | None) -> Chat:
        return chat_record(await self.store.write(chats.bind, chat_id, workspace_id, build_id))

    async def try_lease(self, chat_id: ChatId, duration: timedelta) -> LeaseHandle | None:
        lease = StoreLease(self.store, chat_id, duration)
        return lease if await lease.take() else None

    async def release(self, chat_id: ChatId, lease: LeaseHandle) -> None:  # noqa: ARG002 - the lease knows its chat
        if isinstance(lease, StoreLease):
            await lease.give_back()

    def lease_changes(self, chat_id: ChatId) -> AbstractContextManager[Subscription]:
        return self.store.wakeups.subscribe(chats.topic(chat_id))

    async def tool_call(self, chat_id: ChatId, tool_call_id: str) -> ToolCall | None:
        row = await self.store.read(chats.tool_call, chat_id, tool_call_id)
        return None if row is None else backend.ToolCall(**row._asdict())

    async def record_tool_call(self, chat_id: ChatId, tool_call_id: str, call: ToolCall) -> None:
        await self.store.write(
            chats.record_tool_call,
            chat_id,
            tool_call_id,
            tool=call.tool,
            request_hash=call.request_hash,
            workspace_id=call.workspace_id,
            build_id=call.build_id,
            answer=call.answer,
        )


def chat_record(found: records.Chat) -> Chat:
    """The row as tools see it."""
    return backend.Chat(
        id=found.id,
        owner_id=found.owner_id,
        organization_id=found.organization_id,
        workspace_id=found.workspace_id,
        build_id=found.build_id,
        agent_id=found.agent_id,
    )
