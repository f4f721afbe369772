"""On whose behalf a host calls tools, and in which conversation.

Over a protocol without state a conversation is found by an opaque handle: the id of a chat, or its key.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Protocol

from chattool.backend import ChatStore
from chattool.context import ToolContext
from chattool.errors import ToolError
from chattool.tools import TOOLS
from chattool.toolset import Toolset
from chattool.unmade_chat import UnmadeChat

if TYPE_CHECKING:
    from collections.abc import Collection

    from chattool.backend import Chat, WorkspaceBackend
    from chattool.context import ConnectAgent, OnChatUpdated, Progress
    from chattool.settings import ToolSettings
    from db.ids import OrganizationId, UserId

_HANDLE = re.compile(r"[A-Za-z0-9._:-]{1,128}")
HANDLE_RULE = "1 to 128 letters, digits, dots, colons, hyphens and underscores"
#: Programs name chats as they like, spaces and all; only what comes from a host is held to the narrower rule.
_LONGEST_KEY = 200

_READING = tuple(tool for tool in TOOLS if tool.annotations.read_only)
_UNKNOWN = "unknown chat_id; leave it out to use the default chat"
_PINNED = "this host works for one chat; leave chat_id out"


class Caller(Protocol):
    """A user, seen through one host or token. Only the user's own chats are found."""

    @property
    def default_chat(self) -> str:
        """The handle of the conversation when nothing names another one."""
        ...

    @property
    def read_only(self) -> bool:
        """Whether it may call only the tools that change nothing."""
        ...

    async def find_chat(self, handle: str) -> Chat | None:
        """The user's chat with that id or key."""
        ...

    async def make_chat(self, key: str) -> Chat:
        """The user's chat with that key, made when missing."""
        ...

    def toolset(self, chat: Chat | None) -> Toolset:
        """The tools for ``chat``; without one they answer as for a chat that has no workspace."""
        ...


class HostChats(ChatStore, Protocol):
    """A chat store in which hosts find chats by handles, and make them."""

    async def find(self, owner_id: UserId, handle: str) -> Chat | None:
        """The owner's chat with that id or key."""
        ...

    async def ensure(self, owner_id: UserId, organization_id: OrganizationId, key: str) -> Chat:
        """The owner's chat with that key, made when missing."""
        ...


class BackendCaller:
    """``Caller`` on a backend and its chats."""

    def __init__(
        self,
        backend: WorkspaceBackend,
        chats: HostChats,
        *,
        user_id: UserId,
        organization_id: OrganizationId,
        default_chat: str,
        settings: ToolSettings,
        read_only: bool = False,
    ) -> None:
        """``organization_id`` is where new chats are made."""
        self.default_chat = default_chat
        self.read_only = read_only
        self._user_id = user_id
        self._organization_id = organization_id
        self._backend = backend
        self._chats = chats
        self._settings = settings

    async def find_chat(self, handle: str) -> Chat | None:
        """See ``Caller``."""
        return await self._chats.find(self._user_id, handle)

    async def make_chat(self, key: str) -> Chat:
        """See ``Caller``.

        Raises:
            ToolError: no chat can have that key.
        """
        if not _is_key(key):
            raise ToolError(f"this cannot be a chat: a chat's name is text of 1 to {_LONGEST_KEY} characters")
        return await self._chats.ensure(self._user_id, self._organization_id, key)

    def toolset(
        self,
        chat: Chat | None,
        *,
        on_chat_updated: OnChatUpdated | None = None,
        connect_agent: ConnectAgent | None = None,
        on_progress: Progress | None = None,
    ) -> Toolset:
        """The tools for ``chat``; without one they answer as for a chat that has no workspace."""
        store: ChatStore = self._chats
        if chat is None:
            unmade = UnmadeChat(self._user_id, self._organization_id, self._backend.clock)
            store, chat = unmade, unmade.only
        context = ToolContext(
            chat_id=chat.id,
            owner_id=self._user_id,
            organization_id=chat.organization_id,
            backend=self._backend,
            chats=store,
            settings=self._settings,
            on_chat_updated=on_chat_updated,
            connect_agent=connect_agent,
            on_progress=on_progress,
        )
        return Toolset(context, tools=_READING if self.read_only else TOOLS)


def is_handle(text: str) -> bool:
    """Whether ``text`` can name a chat."""
    return _HANDLE.fullmatch(text) is not None


def _is_key(key: object) -> bool:
    # Neither lone surrogates nor NUL can be stored everywhere.
    if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY or "\0" in key:
        return False
    return not any("\ud800" <= sign <= "\udfff" for sign in key)


async def chosen_chat(
    caller: Caller, *, pinned: Collection[str], asked: str | None, make: bool
) -> Chat | None:
    """The chat of a call; ``None`` as long as nobody has made it.

    ``pinned`` are the handles that the host gives, which must agree; ``asked`` is the model's. With ``make``
    a missing chat is made, but never one that only the model named.

    Raises:
        ToolError: the handles do not agree, or there is no such chat.
    """
    if len(set(pinned)) > 1:
        raise ToolError("the host names two different chats for this call")
    key = next(iter(pinned), caller.default_chat)
    if not is_handle(key):
        raise ToolError(f"the host names no chat: a chat's name has {HANDLE_RULE}")
    chat = await caller.find_chat(key)
    if asked and asked != key and (chat is None or asked != str(chat.id)):
        if pinned:
            raise ToolError(_PINNED)
        chat = await caller.find_chat(asked) if is_handle(asked) else None
        if chat is None:
            raise ToolError(_UNKNOWN)
    if chat is None and make:
        return await caller.make_chat(key)
    return chat
