"""Chats: the workspace each is bound to, its lease, and the record of its tool calls."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert as upsert

from db import ids
from db.errors import NotFound
from db.records import Chat
from db.tables import chat_tool_calls, chats

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, timedelta

    from db.ids import BuildId, ChatId, OrganizationId, UserId, WorkspaceId
    from db.statements import Row
    from db.transactions import Connection

_COLUMNS = [chats.c[name] for name in Chat.__dataclass_fields__]
_CHAT = select(*_COLUMNS).where(chats.c.id == bindparam("chat"))
_CHAT_BY_KEY = select(*_COLUMNS).where(
    chats.c.owner_id == bindparam("owner"), chats.c.key == bindparam("chat_key")
)
_OF_OWNER = (
    select(*_COLUMNS)
    .where(chats.c.owner_id == bindparam("owner"))
    .order_by(chats.c.updated_at.desc(), chats.c.id)
    .limit(bindparam("most"))
    .offset(bindparam("skipped"))
)
_INSERT = insert(chats).values(
    {c: bindparam(c) for c in ("id", "owner_id", "organization_id", "key", "created_at", "updated_at")}
)
_BIND = (
    update(chats)
    .where(chats.c.id == bindparam("chat"))
    .values(
        workspace_id=bindparam("workspace"),
        build_id=bindparam("build"),
        agent_id=None,
        updated_at=bindparam("now"),
    )
    .returning(*_COLUMNS)
)
_LEASE = (
    update(chats)
    .where(
        chats.c.id == bindparam("chat"),
        or_(
            chats.c.lease_holder.is_(None),
            chats.c.lease_holder == bindparam("holder"),
            chats.c.lease_until <= bindparam("now"),
        ),
    )
    .values(lease_holder=bindparam("holder"), lease_until=bindparam("until"))
)
_RENEW = (
    update(chats)
    .where(chats.c.id == bindparam("chat"), chats.c.lease_holder == bindparam("holder"))
    .values(lease_until=bindparam("until"))
)
_RELEASE = (
    update(chats)
    .where(chats.c.id == bindparam("chat"), chats.c.lease_holder == bindparam("holder"))
    .values(lease_holder=None, lease_until=None)
)
_SET_LAST_ERROR = (
    update(chats)
    .where(chats.c.id == bindparam("chat"))
    .values(last_error=bindparam("last_error"), updated_at=bindparam("now"))
)
_CALL = select(
    chat_tool_calls.c.tool,
    chat_tool_calls.c.request_hash,
    chat_tool_calls.c.workspace_id,
    chat_tool_calls.c.build_id,
    chat_tool_calls.c.answer,
).where(chat_tool_calls.c.chat_id == bindparam("chat"), chat_tool_calls.c.tool_call_id == bindparam("call"))
_CALL_FIELDS = ("tool", "request_hash", "workspace_id", "build_id", "answer")
_INSERT_CALL = upsert(chat_tool_calls).values(
    {name: bindparam(name) for name in ("chat_id", "tool_call_id", *_CALL_FIELDS, "created_at")}
)
_RECORD_CALL = _INSERT_CALL.on_conflict_do_update(
    index_elements=["chat_id", "tool_call_id"],
    set_={name: _INSERT_CALL.excluded[name] for name in _CALL_FIELDS},
)
_KEY_OF_CALL = (chat_tool_calls.c.chat_id, chat_tool_calls.c.tool_call_id)
_PRUNE_CALLS = delete(chat_tool_calls).where(
    tuple_(*_KEY_OF_CALL).in_(
        select(*_KEY_OF_CALL)
        .where(chat_tool_calls.c.created_at < bindparam("before"))
        .order_by(chat_tool_calls.c.created_at)
        .limit(bindparam("most"))
        .with_for_update(skip_locked=True)
    )
)


def topic(chat_id: ChatId) -> str:
    """The topic of wake-ups about a chat's lease."""
    return f"chat:{chat_id}"


def chat(conn: Connection, chat_id: ChatId) -> Chat:
    """The chat.

    Raises:
        NotFound: no such chat.
    """
    found = conn.record(Chat, _CHAT, chat=chat_id)
    if found is None:
        raise NotFound
    return found


def by_key(conn: Connection, owner_id: UserId, key: str) -> Chat | None:
    """The owner's chat with that key."""
    return conn.record(Chat, _CHAT_BY_KEY, owner=owner_id, chat_key=key)


def ensure(conn: Connection, owner_id: UserId, organization_id: OrganizationId, key: str) -> Chat:
    """The owner's chat with that key, made when missing."""
    found = by_key(conn, owner_id, key)
    if found is not None:
        return found
    chat_id = ids.ChatId(ids.new_id())
    conn.run(
        _INSERT,
        id=chat_id,
        owner_id=owner_id,
        organization_id=organization_id,
        key=key,
        created_at=conn.now,
        updated_at=conn.now,
    )
    return chat(conn, chat_id)


def listed(conn: Connection, owner_id: UserId, *, limit: int, offset: int = 0) -> list[Chat]:
    """The chats of a user, the one that changed last first."""
    return conn.records(Chat, _OF_OWNER, owner=owner_id, most=limit, skipped=offset)


def find(conn: Connection, owner_id: UserId, handle: str) -> Chat | None:
    """The owner's chat that ``handle`` names, by id or else by key; nobody else's is found."""
    with suppress(ValueError):
        found = conn.record(Chat, _CHAT, chat=ids.ChatId(UUID(handle)))
        if found is not None and found.owner_id == owner_id:
            return found
    return conn.record(Chat, _CHAT_BY_KEY, owner=owner_id, chat_key=handle)


def bind(conn: Connection, chat_id: ChatId, workspace_id: WorkspaceId, build_id: BuildId | None) -> Chat:
    """Bind workspace and build together; the agent is cleared, since each build makes new ones.

    Raises:
        NotFound: no such chat.
    """
    bound = conn.record(Chat, _BIND, chat=chat_id, workspace=workspace_id, build=build_id, now=conn.now)
    if bound is None:
        raise NotFound
    return bound


def take_lease(conn: Connection, chat_id: ChatId, holder: UUID, duration: timedelta) -> bool:
    """Whether ``holder`` now has the chat to itself: it was free, expired, or its own already."""
    return bool(conn.run(_LEASE, chat=chat_id, holder=holder, now=conn.now, until=conn.now + duration))


def renew_lease(conn: Connection, chat_id: ChatId, holder: UUID, duration: timedelta) -> bool:
    """Whether the lease was still the holder's. Late is good as long as nobody else took it."""
    return bool(conn.run(_RENEW, chat=chat_id, holder=holder, until=conn.now + duration))


def release_lease(conn: Connection, chat_id: ChatId, holder: UUID) -> None:
    """Give the lease back and wake one who waits for it; nothing happens when it was lost."""
    if conn.run(_RELEASE, chat=chat_id, holder=holder):
        conn.notify(topic(chat_id))


def set_last_error(conn: Connection, chat_id: ChatId, last_error: Mapping[str, object] | None) -> None:
    """Keep why the chat's last turn failed; ``None`` forgets it.

    Raises:
        NotFound: no such chat.
    """
    if not conn.run(_SET_LAST_ERROR, chat=chat_id, last_error=last_error, now=conn.now):
        raise NotFound


def tool_call(conn: Connection, chat_id: ChatId, tool_call_id: str) -> Row | None:
    """Tool, request hash, workspace, build and answer recorded under this id."""
    return conn.first(_CALL, chat=chat_id, call=tool_call_id)


def record_tool_call(
    conn: Connection,
    chat_id: ChatId,
    tool_call_id: str,
    *,
    tool: str,
    request_hash: str,
    workspace_id: WorkspaceId | None,
    build_id: BuildId | None,
    answer: Mapping[str, object] | None,
) -> None:
    """Insert or replace the record of a tool call."""
    conn.run(
        _RECORD_CALL,
        chat_id=chat_id,
        tool_call_id=tool_call_id,
        tool=tool,
        request_hash=request_hash,
        workspace_id=workspace_id,
        build_id=build_id,
        answer=answer,
        created_at=conn.now,
    )


def prune_tool_calls(conn: Connection, before: datetime, most: int) -> int:
    """Forget the oldest tool calls made before a moment, so many at most; how many there were."""
    return conn.run(_PRUNE_CALLS, before=before, most=most)
