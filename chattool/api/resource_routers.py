"""The routers of templates, workspaces, builds, jobs and chats."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.api import (
    builds,
    chats,
    files,
    logs,
    provisioners,
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
    logs.router,
    provisioners.router,
)
#: Below ``/api/experimental``.
EXPERIMENTAL: Sequence[APIRouter] = (chats.router,)
