"""Chats, and why the last turn of one failed."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from chattool.api.models.wire import Absent, Text, Wanted, Wire


class ChatError(Wire):
    """Why the last turn of a chat failed."""

    message: str
    """For people."""
    retryable: bool
    """Whether the same turn may succeed when it is taken again."""
    detail: Absent[str] = None
    kind: Absent[str] = None
    """The class of the failure, such as ``rate_limit`` or ``quota_exhausted``; more may come."""
    provider: Absent[str] = None
    code: Absent[str] = None
    """The provider's own code."""
    status_code: Absent[int] = None
    reset_at: Absent[datetime] = None
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
