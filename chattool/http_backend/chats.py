"""The chat store over the HTTP API of a server."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING
from uuid import UUID

from chattool.http_backend import records, shapes
from db import ids
from db.errors import NotFound, RequestError
from db.ids import new_id

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AbstractContextManager

    from chattool.backend import Chat, LeaseHandle, ToolCall
    from chattool.http_backend.changes import Changes
    from chattool.http_backend.connection import ApiConnection
    from db.ids import BuildId, ChatId, OrganizationId, UserId, WorkspaceId
    from db.wakeups import Subscription

CHATS = "/api/experimental/chats"
_LEASE_POLL = timedelta(milliseconds=300)
_PLAIN = re.compile(r"[A-Za-z0-9_:-][A-Za-z0-9._:-]{0,199}")


class HttpLease:
    """A lease of a chat, held on the server."""

    def __init__(self, connection: ApiConnection, chat_id: ChatId, duration: timedelta) -> None:
        self._connection = connection
        self._holder: UUID = new_id()
        self._path = f"{CHATS}/{chat_id}/leases/{self._holder}"
        self._duration_ms = max(1, round(duration.total_seconds() * 1000))

    async def take(self) -> bool:
        """Whether the lease was free. Asked twice, it is the same holder's."""
        return await self._put({"duration_ms": self._duration_ms})

    async def renew(self) -> bool:
        return await self._put({"duration_ms": self._duration_ms, "renew": True})

    async def give_back(self) -> None:
        """Free the lease, if it is still held."""
        await self._connection.delete(self._path)

    async def _put(self, body: Mapping[str, object]) -> bool:
        try:
            await self._connection.put(self._path, body)
        except RequestError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            return False
        return True


class HttpChats:
    """``HostChats`` on a server, for the user whose token it is."""

    def __init__(self, connection: ApiConnection, changes: Changes) -> None:
        self._connection = connection
        self._changes = changes

    async def find(self, owner_id: UserId, handle: str) -> Chat | None:  # noqa: ARG002 - as below
        """The owner's chat with that id or key."""
        try:
            return await self.chat(ids.ChatId(UUID(handle)))
        except (ValueError, NotFound):
            found = await self._connection.get(list[shapes.Chat], CHATS, key=handle)
            return records.chat(found[0]) if found else None

    async def ensure(self, owner_id: UserId, organization_id: OrganizationId, key: str) -> Chat:  # noqa: ARG002 - whose token it is
        """The owner's chat with that key, made when missing.

        Raises:
            RequestError: 501, the server keeps no chats of our kind.
        """
        if not self._connection.is_chattool:
            text = f"{self._connection.url} is no chattool server and keeps no chats for tools"
            raise RequestError(HTTPStatus.NOT_IMPLEMENTED, text)
        body = {"key": key, "organization_id": organization_id}
        return records.chat(await self._connection.post(shapes.Chat, CHATS, body, repeatable=True))

    async def chat(self, chat_id: ChatId) -> Chat:
        return records.chat(await self._connection.get(shapes.Chat, f"{CHATS}/{chat_id}"))

    async def bind(self, chat_id: ChatId, workspace_id: WorkspaceId, build_id: BuildId | None) -> Chat:
        body = {"workspace_id": workspace_id, "build_id": build_id}
        return records.chat(await self._connection.patch(shapes.Chat, f"{CHATS}/{chat_id}", body))

    async def try_lease(self, chat_id: ChatId, duration: timedelta) -> LeaseHandle | None:
        lease = HttpLease(self._connection, chat_id, duration)
        return lease if await lease.take() else None

    async def release(self, chat_id: ChatId, lease: LeaseHandle) -> None:  # noqa: ARG002 - the lease knows its chat
        if isinstance(lease, HttpLease):
            await lease.give_back()

    def lease_changes(self, chat_id: ChatId) -> AbstractContextManager[Subscription]:
        return self._changes.polled(f"chat:{chat_id}", _LEASE_POLL)

    async def tool_call(self, chat_id: ChatId, tool_call_id: str) -> ToolCall | None:
        try:
            found = await self._connection.get(shapes.ToolCall, _path(chat_id, tool_call_id))
        except NotFound:
            return None
        return records.tool_call(found)

    async def record_tool_call(self, chat_id: ChatId, tool_call_id: str, call: ToolCall) -> None:
        body = {
            "tool": call.tool,
            "request_hash": call.request_hash,
            "workspace_id": call.workspace_id,
            "build_id": call.build_id,
            "answer": call.answer,
        }
        await self._connection.put(_path(chat_id, tool_call_id), body)


def _path(chat_id: ChatId, tool_call_id: str) -> str:
    """Where a call is recorded. An id that could be no part of a path is recorded by its digest."""
    name = tool_call_id
    if not _PLAIN.fullmatch(name):
        name = f"sha256:{hashlib.sha256(name.encode(errors='replace')).hexdigest()}"
    return f"{CHATS}/{chat_id}/tool-calls/{name}"
