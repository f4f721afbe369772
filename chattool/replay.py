"""Repeated tool calls: the same id gets the first call's answer."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.backend import ToolCall
from chattool.errors import ToolError
from chattool.results import (
    BuildFailureResult,
    CreateWorkspaceResult,
    QuotaErrorResult,
    RequestErrorResult,
    Result,
    StartWorkspaceResult,
    StopWorkspaceResult,
    ToolResponse,
)
from chattool.workspace_results import EditFilesResult, ProcessResult, WriteFileResult
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.arguments import ToolArgs
    from chattool.call import Call
    from db.ids import BuildId, WorkspaceId

log = logging.getLogger(__name__)

_MODELS: Mapping[str, type[Result]] = {
    model.__name__: model
    for model in (
        CreateWorkspaceResult,
        StartWorkspaceResult,
        StopWorkspaceResult,
        QuotaErrorResult,
        BuildFailureResult,
        RequestErrorResult,
        ProcessResult,
        WriteFileResult,
        EditFilesResult,
    )
}
_BEGUN = {"final": False}
_NO_ANSWER = (
    "a call with this id was begun before and has left no answer: it is still at work, or what was done is "
    "unknown. Look at the workspace; to do it again, make a new call"
)


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
        record = await self._recorded()
        return None if record is None else _restored(record)

    async def begin(self) -> ToolResponse | None:
        """The stored answer; without one, the call is recorded as begun. To be called under the chat's lease.

        Raises:
            ToolError: as ``find``; or the call was begun before, so that it must not be done again.
        """
        record = await self._recorded()
        if record is None:
            await self._call.read("record tool call", lambda: self._write(_BEGUN))
            return None
        earlier = _restored(record)
        if not isinstance(earlier, ToolResponse):
            raise ToolError(_NO_ANSWER)
        return earlier

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

    async def not_done(self) -> None:
        """Record that what was begun has done nothing, so that the call may be made again."""
        await self._record(None, None, None)

    async def _recorded(self) -> ToolCall | None:
        if not self._id:
            return None
        chat_id, call_id = self._call.context.chat_id, self._id
        record = await self._call.read("load tool call", lambda: self._call.chats.tool_call(chat_id, call_id))
        if record is None or record.answer is None:
            return None
        if (record.tool, record.request_hash) != (self._tool, self._hash):
            raise ToolError("tool call id was already used for a different request")
        return record

    async def _record(
        self, answer: Mapping[str, object] | None, workspace_id: WorkspaceId | None, build_id: BuildId | None
    ) -> None:
        try:
            await self._write(answer, workspace_id, build_id)
        except ChattoolError:
            # A repeated call still makes nothing twice: the backend knows the key of a build as well, and
            # any other change stays begun.
            keys = {"action": "record_tool_call", "chat_id": self._call.context.chat_id}
            log.exception("cannot record a tool call", extra=keys)

    async def _write(
        self,
        answer: Mapping[str, object] | None,
        workspace_id: WorkspaceId | None = None,
        build_id: BuildId | None = None,
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
        await self._call.chats.record_tool_call(self._call.context.chat_id, self._id, record)


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
        response = ToolResponse.restored(stored, _MODELS)
    except (KeyError, ValueError):
        log.warning("ignoring a tool call recorded by another version", extra={"action": "replay"})
        return None
    if final:
        return response
    if response.result is None or record.workspace_id is None:
        return None
    return Unfinished(workspace_id=record.workspace_id, build_id=record.build_id, draft=response.result)
