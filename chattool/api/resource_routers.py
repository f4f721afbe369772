"""The routers of templates, workspaces, builds, jobs and chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.api import (
    agent_calls,
    builds,
    chat_tools,
    chats,
    files,
    logs,
    provisioners,
    quota_statement,
    template_versions,
    templates,
    workspace_agents,
    workspaces,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from fastapi import APIRouter

#: Below ``/api/v2``.
ROUTERS: Sequence[APIRouter] = (
    files.router,
    template_versions.router,
    templates.router,
    workspaces.router,
    builds.router,
    workspace_agents.router,
    agent_calls.router,
    logs.router,
    provisioners.router,
    quota_statement.router,
)
#: Below ``/api/experimental``.
EXPERIMENTAL: Sequence[APIRouter] = (chats.router, chat_tools.router)
