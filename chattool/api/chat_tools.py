"""What a toolset over HTTP keeps with a chat: workspace, lease, tool calls and last error."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path

from chattool.api import errors, sight
from chattool.api.access import Action
from chattool.api.builds import visible as visible_build
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.chats import shown, visible
from chattool.api.models import chats as models
from chattool.api.requests import refused
from chattool.api.services import ServicesOf
from chattool.identity import Caller
from db import chats, ids, workspace_details
from db.errors import NotFound, RequestError
from db.ids import BuildId, ChatId, WorkspaceId
from db.records import Chat
from db.transactions import Connection

router = APIRouter(prefix="/chats/{chat}", tags=["Chats"], route_class=SignedInFirst)

ToolCallId = Annotated[str, Path(min_length=1, max_length=256, pattern=r"^[^\x00]*$")]


@router.patch("")
async def bind_chat(
    caller: CallerOf, services: ServicesOf, chat: UUID, wanted: models.BindChat
) -> models.Chat:
    """Bind a workspace, and the build that is waited for, to a chat."""
    return shown(await services.store.write(_bind, caller, ids.ChatId(chat), wanted))


@router.put("/leases/{holder}", status_code=204, responses=errors.responses(409))
async def take_lease(
    caller: CallerOf, services: ServicesOf, chat: UUID, holder: UUID, wanted: models.TakeLease
) -> None:
    """Have a chat to oneself for a while, or go on having it; 409 while another holder has it."""
    if not await services.store.write(_take, caller, ids.ChatId(chat), holder, wanted):
        raise RequestError(409, "Another holder has this chat, or had it meanwhile.")


@router.delete("/leases/{holder}", status_code=204)
async def release_lease(caller: CallerOf, services: ServicesOf, chat: UUID, holder: UUID) -> None:
    """Give a chat back; harmless when the lease was lost."""
    await services.store.write(_release, caller, ids.ChatId(chat), holder)


@router.get("/tool-calls/{tool_call}")
async def get_tool_call(
    caller: CallerOf, services: ServicesOf, chat: UUID, tool_call: ToolCallId
) -> models.ToolCall:
    """What was recorded under this id."""
    return await services.store.read(_tool_call, caller, ids.ChatId(chat), tool_call)


@router.put("/tool-calls/{tool_call}", status_code=204)
async def record_tool_call(
    caller: CallerOf, services: ServicesOf, chat: UUID, tool_call: ToolCallId, wanted: models.ToolCall
) -> None:
    """Record a call of a tool, or replace what was recorded under this id."""
    await services.store.write(_record, caller, ids.ChatId(chat), tool_call, wanted)


@router.put("/last-error", status_code=204)
async def set_last_error(
    caller: CallerOf, services: ServicesOf, chat: UUID, wanted: models.ChatError
) -> None:
    """Keep why the last turn of a chat failed."""
    document = wanted.model_dump(mode="json", exclude_none=True)
    await services.store.write(_set_error, caller, ids.ChatId(chat), document)


@router.delete("/last-error", status_code=204)
async def clear_last_error(caller: CallerOf, services: ServicesOf, chat: UUID) -> None:
    """Forget it, since the next turn has begun."""
    await services.store.write(_set_error, caller, ids.ChatId(chat), None)


def _bind(conn: Connection, caller: Caller, chat_id: ChatId, wanted: models.BindChat) -> Chat:
    visible(conn, caller, chat_id, Action.UPDATE)
    workspace_id = ids.WorkspaceId(wanted.workspace_id)
    build_id = None if wanted.build_id is None else ids.BuildId(wanted.build_id)
    _check_work(conn, caller, workspace_id, build_id)
    return chats.bind(conn, chat_id, workspace_id, build_id)


def _check_work(
    conn: Connection, caller: Caller, workspace_id: WorkspaceId | None, build_id: BuildId | None
) -> None:
    """Return when the caller may use the workspace, and the build is one of it."""
    if workspace_id is not None:
        try:
            sight.check_workspace(caller, workspace_details.workspace(conn, workspace_id))
        except NotFound as error:
            raise refused("workspace_id", "There is no such workspace, or you may not use it.") from error
    if build_id is not None and not _is_build_of(conn, caller, build_id, workspace_id):
        raise refused("build_id", "The workspace has no such build.")


def _is_build_of(
    conn: Connection, caller: Caller, build_id: BuildId, workspace_id: WorkspaceId | None
) -> bool:
    try:
        return visible_build(conn, caller, build_id).build.workspace_id == workspace_id
    except NotFound:
        return False


def _take(conn: Connection, caller: Caller, chat_id: ChatId, holder: UUID, wanted: models.TakeLease) -> bool:
    visible(conn, caller, chat_id, Action.UPDATE)
    take = chats.renew_lease if wanted.renew else chats.take_lease
    return take(conn, chat_id, holder, timedelta(milliseconds=wanted.duration_ms))


def _release(conn: Connection, caller: Caller, chat_id: ChatId, holder: UUID) -> None:
    visible(conn, caller, chat_id, Action.UPDATE)
    chats.release_lease(conn, chat_id, holder)


def _tool_call(conn: Connection, caller: Caller, chat_id: ChatId, tool_call_id: str) -> models.ToolCall:
    visible(conn, caller, chat_id)
    row = chats.tool_call(conn, chat_id, tool_call_id)
    if row is None:
        raise NotFound
    return models.ToolCall(**row._asdict())


def _record(
    conn: Connection, caller: Caller, chat_id: ChatId, tool_call_id: str, wanted: models.ToolCall
) -> None:
    visible(conn, caller, chat_id, Action.UPDATE)
    workspace_id = None if wanted.workspace_id is None else ids.WorkspaceId(wanted.workspace_id)
    build_id = None if wanted.build_id is None else ids.BuildId(wanted.build_id)
    _check_work(conn, caller, workspace_id, build_id)
    chats.record_tool_call(
        conn,
        chat_id,
        tool_call_id,
        tool=wanted.tool,
        request_hash=wanted.request_hash,
        workspace_id=workspace_id,
        build_id=build_id,
        answer=wanted.answer,
    )


def _set_error(conn: Connection, caller: Caller, chat_id: ChatId, document: dict[str, object] | None) -> None:
    visible(conn, caller, chat_id, Action.UPDATE)
    chats.set_last_error(conn, chat_id, document)
