"""Chats, with the structured error of their last turn. Experimental."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import DEFAULT_LIMIT, Offset, organization_of
from chattool.api.models import chats as models
from chattool.api.services import ServicesOf
from chattool.chaterror import decode_last_error, terminal_payload
from chattool.identity import Caller
from db import chats, ids
from db.ids import ChatId, OrganizationId
from db.records import Chat
from db.transactions import Connection
from db.users import DEFAULT_ORGANIZATION

router = APIRouter(prefix="/chats", tags=["Chats"], route_class=SignedInFirst)

#: Fewer than of other things, since each may hold the words of an error.
ChatLimit = Annotated[
    int, Query(ge=0, le=DEFAULT_LIMIT, description="At most so many; 0 for the default, which is the most.")
]


@router.post(
    "", status_code=201, responses={200: {"model": models.Chat, "description": "There was one of this key."}}
)
async def create_chat(
    caller: CallerOf, services: ServicesOf, wanted: models.CreateChat, response: Response
) -> models.Chat:
    """A new chat of the caller, or the one with the same key."""
    wanted_id = wanted.organization_id
    reference = DEFAULT_ORGANIZATION if wanted_id is None else str(wanted_id)
    organization = await organization_of(services, caller, reference)
    target = Target(kind=Kind.CHAT, organization_id=organization.id, owner_id=caller.user.id)
    check(caller, Action.CREATE, target)
    key = wanted.key or str(ids.new_id())
    found, made = await services.store.write(_ensure, caller, organization.id, key)
    response.status_code = 201 if made else 200
    return shown(found)


@router.get("")
async def list_chats(
    caller: CallerOf,
    services: ServicesOf,
    key: Annotated[
        str, Query(max_length=256, pattern=r"^[^\x00]*$", description="Only the chat with this key.")
    ] = "",
    limit: ChatLimit = 0,
    offset: Offset = 0,
) -> list[models.Chat]:
    """The caller's chats, the one that changed last first."""
    if key:
        found = await services.store.read(chats.by_key, caller.user.id, key)
        return [] if found is None else [shown(found)]
    listed = await services.store.read(
        chats.listed, caller.user.id, limit=limit or DEFAULT_LIMIT, offset=offset
    )
    return [shown(chat) for chat in listed]


@router.get("/{chat}")
async def get_chat(caller: CallerOf, services: ServicesOf, chat: UUID) -> models.Chat:
    """A chat."""
    return shown(await services.store.read(visible, caller, ids.ChatId(chat)))


def _ensure(conn: Connection, caller: Caller, organization_id: OrganizationId, key: str) -> tuple[Chat, bool]:
    made = chats.by_key(conn, caller.user.id, key) is None
    return chats.ensure(conn, caller.user.id, organization_id, key), made


def visible(conn: Connection, caller: Caller, chat_id: ChatId, action: Action = Action.READ) -> Chat:
    """The chat, if the caller may do ``action`` to it.

    Raises:
        NotFound, RequestError: as ``access.check``.
    """
    chat = chats.chat(conn, chat_id)
    target = Target(kind=Kind.CHAT, organization_id=chat.organization_id, owner_id=chat.owner_id)
    check(caller, action, target)
    return chat


def shown(chat: Chat) -> models.Chat:
    """A chat, whatever its last error was written by."""
    error = decode_last_error(chat.last_error)
    payload = None if error is None else terminal_payload(error)
    return models.Chat(
        id=chat.id,
        owner_id=chat.owner_id,
        organization_id=chat.organization_id,
        key=chat.key,
        workspace_id=chat.workspace_id,
        build_id=chat.build_id,
        agent_id=chat.agent_id,
        last_error=None if payload is None else models.ChatError.model_validate(payload),
        created_at=chat.created_at,
        updated_at=chat.updated_at,
    )
