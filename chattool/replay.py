"""Repeated tool calls: the same id gets the first call's answer."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.backend import ToolCall
from chattool.errors import ToolError
from chattool.results import Result, ToolResponse
from db.errors import ChattoolError

if TYPE_CHECKING:
    from chattool.arguments import ToolArgs
    from chattool.call import Call
    from db.ids import BuildId, WorkspaceId

log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Unfinished:
    """An earlier call of the same id made this build and did not live to answer.

    ``draft`` is its answer but for what only the end of the build can tell.
    """

    workspace_id: WorkspaceId
    build_id: BuildId | None
    draft: Result


class Replay:
    """The record of one tool call; without an id nothing is recorded."""

    def __init__(self, call: Call, tool: str, arguments: ToolArgs) -> None:
        self._call = call
        self._tool = tool
        self._id = call.context.tool_call_id
        self._hash = _request_hash(arguments) if self._id else ""

    @property
    def idempotency_key(self) -> str | None:
        """What makes a backend answer a repeated request with the first build."""
        return f"{self._call.context.chat_id}/{self._id}" if self._id else None

    async def find(self) -> ToolResponse | Unfinished | None:
        """The stored answer, or the build that an earlier call made, if there was one.

        Raises:
            ToolError: the id was used for a different request, or the record cannot be read.
        """
        if not self._id:
            return None
        chat_id, call_id = self._call.context.chat_id, self._id
        record = await self._call.read("load tool call", lambda: self._call.chats.tool_call(chat_id, call_id))
        if record is None:
            return None
        if (record.tool, record.request_hash) != (self._tool, self._hash):
            raise ToolError("tool call id was already used for a different request")
        return _restored(record)

    async def made(self, draft: Result, workspace_id: WorkspaceId, build_id: BuildId | None) -> None:
        """Record that the build exists."""
        answer = {"final": False, "response": ToolResponse.of(draft).stored()}
        await self._record(answer, workspace_id, build_id)

    async def answered(
        self,
        response: ToolResponse,
        workspace_id: WorkspaceId | None = None,
        build_id: BuildId | None = None,
    ) -> None:
        """Record the final answer."""
        await self._record({"final": True, "response": response.stored()}, workspace_id, build_id)

    async def _record(
        self, answer: dict[str, object], workspace_id: WorkspaceId | None, build_id: BuildId | None
    ) -> None:
        if not self._id:
            return
        record = ToolCall(
            tool=self._tool,
            request_hash=self._hash,
            workspace_id=workspace_id,
            build_id=build_id,
            answer=answer,
        )
        try:
            await self._call.chats.record_tool_call(self._call.context.chat_id, self._id, record)
        except ChattoolError:
            # The backend knows the key as well, so a repeated call still makes nothing twice.
            keys = {"action": "record_tool_call", "chat_id": self._call.context.chat_id}
            log.exception("cannot record a tool call", extra=keys)


def _request_hash(arguments: ToolArgs) -> str:
    normalized = arguments.model_dump(mode="json", exclude={"wait_seconds"})
    text = json.dumps(normalized, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _restored(record: ToolCall) -> ToolResponse | Unfinished | None:
    match record.answer:
        case {"final": bool(final), "response": dict(stored)}:
            pass
        case _:
            return None
    try:
        response = ToolResponse.restored(stored)
    except (KeyError, ValueError):
        log.warning("ignoring a tool call recorded by another version", extra={"action": "replay"})
        return None
    if final:
        return response
    if response.result is None or record.workspace_id is None:
        return None
    return Unfinished(workspace_id=record.workspace_id, build_id=record.build_id, draft=response.result)
