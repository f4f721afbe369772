"""Chats, and why the last turn of one failed."""

from __future__ import annotations

import math
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import AfterValidator, BeforeValidator, Field, JsonValue

from chattool.api.models.wire import Absent, Moment, Text, Wanted, Wire, storable


def _at_most(length: int) -> BeforeValidator:
    """Cut what is longer, so that hosts may report a provider's words as they came."""
    return BeforeValidator(lambda value: value[:length] if isinstance(value, str) else value)


_Words = Annotated[Text, Field(max_length=4096), _at_most(4096)]
_Word = Annotated[Text, Field(max_length=256), _at_most(256)]


class ChatError(Wire):
    """Why the last turn of a chat failed. Longer texts are cut."""

    message: _Words
    """For people."""
    retryable: bool
    """Whether the same turn may succeed when it is taken again."""
    detail: Absent[_Words] = None
    kind: Absent[_Word] = None
    """The class of the failure, such as ``rate_limit`` or ``quota_exhausted``; more may come."""
    provider: Absent[_Word] = None
    code: Absent[_Word] = None
    """The provider's own code."""
    status_code: Absent[int] = None
    reset_at: Absent[Moment] = None
    """When a quota is full again."""


class Chat(Wire):
    """A conversation, and the workspace it is bound to."""

    id: UUID
    owner_id: UUID
    organization_id: UUID
    key: str
    """The host's name for it, unique among the owner's."""
    workspace_id: Absent[UUID] = None
    build_id: Absent[UUID] = None
    agent_id: Absent[UUID] = None
    last_error: Absent[ChatError] = None
    created_at: datetime
    updated_at: datetime


class CreateChat(Wanted):
    """A new chat, or the one with that key."""

    key: Annotated[Text, Field(min_length=1, max_length=256)] | None = None
    """Default: a new one."""
    organization_id: UUID | None = None
    """Default: the default organization."""


class BindChat(Wanted):
    """The workspace that a chat works in from now on."""

    workspace_id: UUID
    build_id: UUID | None = None
    """A build of that workspace."""


class TakeLease(Wanted):
    """For how long a chat is wanted for oneself."""

    duration_ms: Annotated[int, Field(ge=1, le=10 * 60 * 1000)]
    renew: bool = False
    """Only go on holding it: refused when it was lost meanwhile."""


def _storable(value: JsonValue) -> JsonValue:
    if _unstorable(value):
        message = "must not contain the character NUL, half a surrogate pair, or a number that is not finite"
        raise ValueError(message)
    return value


def _unstorable(value: JsonValue) -> bool:
    if isinstance(value, dict):
        return any(_unstorable(key) or _unstorable(each) for key, each in value.items())
    if isinstance(value, list):
        return any(_unstorable(each) for each in value)
    if isinstance(value, str):
        return not storable(value)
    return isinstance(value, float) and not math.isfinite(value)


class ToolCall(Wire):
    """What is recorded about one call of a tool, so that a repeat gets the first answer."""

    tool: Annotated[Text, Field(max_length=256)]
    request_hash: Annotated[Text, Field(max_length=256)]
    workspace_id: Absent[UUID] = None
    build_id: Absent[UUID] = None
    answer: Absent[Annotated[dict[str, JsonValue], AfterValidator(_storable)]] = None
