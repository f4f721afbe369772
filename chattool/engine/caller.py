"""A user of an open engine, as hosts that find chats by handles see it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.context import ToolContext
from chattool.engine.chats import chat_record
from chattool.tools import TOOLS
from chattool.toolset import Toolset
from chattool.unmade_chat import UnmadeChat
from db import chats

if TYPE_CHECKING:
    from chattool.backend import Chat, ChatStore
    from chattool.engine.backend import EngineBackend
    from chattool.settings import ToolSettings
    from db.ids import OrganizationId, UserId

_READING = tuple(tool for tool in TOOLS if tool.annotations.read_only)


class EngineCaller:
    """``Caller`` on our own database. New chats are made in ``organization_id``."""

    def __init__(
        self,
        backend: EngineBackend,
        chat_store: ChatStore,
        *,
        user_id: UserId,
        organization_id: OrganizationId,
        default_chat: str,
        settings: ToolSettings,
        read_only: bool = False,
    ) -> None:
        self.default_chat = default_chat
        self.read_only = read_only
        self._backend = backend
        self._chats = chat_store
        self._user_id = user_id
        self._organization_id = organization_id
        self._settings = settings

    async def find_chat(self, handle: str) -> Chat | None:
        found = await self._backend.store.read(chats.find, self._user_id, handle)
        return None if found is None else chat_record(found)

    async def make_chat(self, key: str) -> Chat:
        made = await self._backend.store.write(chats.ensure, self._user_id, self._organization_id, key)
        return chat_record(made)

    def toolset(self, chat: Chat | None) -> Toolset:
        store = self._chats
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
            ),
            tools=_READING if self.read_only else TOOLS,
        )
