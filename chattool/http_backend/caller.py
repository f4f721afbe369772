"""A user of a server somewhere else, as hosts that find chats by handles see it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from chattool.context import ToolContext
from chattool.toolset import Toolset
from chattool.unmade_chat import UnmadeChat
from db import ids
from db.errors import NotFound

if TYPE_CHECKING:
    from chattool.backend import Chat, ChatStore
    from chattool.http_backend.backend import HttpBackend
    from chattool.http_backend.chats import HttpChats
    from chattool.settings import ToolSettings
    from db.ids import OrganizationId, UserId


class HttpCaller:
    """``Caller`` over HTTP. New chats are made in ``organization_id``."""

    #: What the token may do, the server decides at each call.
    read_only = False

    def __init__(
        self,
        backend: HttpBackend,
        chats: HttpChats,
        *,
        user_id: UserId,
        organization_id: OrganizationId,
        default_chat: str,
        settings: ToolSettings,
    ) -> None:
        self.default_chat = default_chat
        self._backend = backend
        self._chats = chats
        self._user_id = user_id
        self._organization_id = organization_id
        self._settings = settings

    async def find_chat(self, handle: str) -> Chat | None:
        try:
            return await self._chats.chat(ids.ChatId(UUID(handle)))
        except (ValueError, NotFound):
            return await self._chats.by_key(handle)

    async def make_chat(self, key: str) -> Chat:
        return await self._chats.ensure(self._organization_id, key)

    def toolset(self, chat: Chat | None) -> Toolset:
        store: ChatStore = self._chats
        if chat is None:
            unmade = UnmadeChat(self._user_id, self._organization_id, self._backend.clock)
            store, chat = unmade, unmade.only
        return Toolset(
            ToolContext(
                chat_id=chat.id,
                owner_id=self._user_id,
                organization_id=chat.organization_id,
                backend=self._backend,
                chats=store,
                settings=self._settings,
            )
        )
