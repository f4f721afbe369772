"""What a host gives to a tool."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from chattool.backend import Chat, ChatStore, WorkspaceBackend
from chattool.settings import ToolSettings, WaitBounds
from db.ids import AgentId, ChatId, OrganizationId, TemplateId, UserId

Progress = Callable[[float, float | None, str], Awaitable[None]]
"""Gets a rising value, the total when known, and a message."""

OnChatUpdated = Callable[[Chat], Awaitable[None]]

ConnectAgent = Callable[[AgentId], AbstractAsyncContextManager[object]]
"""Connects on entry, or raises; leaving it releases the connection."""


@dataclass(frozen=True, kw_only=True)
class ToolContext:
    """One chat, the backend that serves it, and what its host wants to hear."""

    chat_id: ChatId
    owner_id: UserId
    organization_id: OrganizationId
    backend: WorkspaceBackend
    chats: ChatStore
    settings: ToolSettings = field(default_factory=ToolSettings)
    wait_bounds: WaitBounds | None = None
    """How long calls wait here; ``None`` leaves it to the settings."""
    tool_call_id: str | None = None
    """With it, a repeated call gets the first one's answer."""
    connect_agent: ConnectAgent | None = None
    on_chat_updated: OnChatUpdated | None = None
    on_progress: Progress | None = None
    allowed_template_ids: frozenset[TemplateId] = frozenset()
    """Templates that may be built here; empty allows all."""
