"""Workspaces for AI agents: one tool call creates, starts or stops one, within a quota."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chattool.context import ToolContext
    from chattool.engine import open_engine
    from chattool.errors import (
        WorkspaceBuildCanceled,
        WorkspaceBuildError,
        WorkspaceBuildTimeout,
        WorkspaceWaitError,
    )
    from chattool.http_backend import open_remote
    from chattool.quota_error import quota_error_result
    from chattool.results import ToolResponse
    from chattool.settings import ToolSettings
    from chattool.tool import Tool
    from chattool.tools import TOOLS
    from chattool.toolset import Toolset
    from chattool.waiting import wait_for_build
    from db.errors import ChattoolError

__all__ = [
    "TOOLS",
    "ChattoolError",
    "Tool",
    "ToolContext",
    "ToolResponse",
    "ToolSettings",
    "Toolset",
    "WorkspaceBuildCanceled",
    "WorkspaceBuildError",
    "WorkspaceBuildTimeout",
    "WorkspaceWaitError",
    "open_engine",
    "open_remote",
    "quota_error_result",
    "wait_for_build",
]

# Imported on first use: programs that need one name should not pay for a database and a web server.
_HOMES = {
    "TOOLS": "chattool.tools",
    "ChattoolError": "db.errors",
    "Tool": "chattool.tool",
    "ToolContext": "chattool.context",
    "ToolResponse": "chattool.results",
    "ToolSettings": "chattool.settings",
    "Toolset": "chattool.toolset",
    "WorkspaceBuildCanceled": "chattool.errors",
    "WorkspaceBuildError": "chattool.errors",
    "WorkspaceBuildTimeout": "chattool.errors",
    "WorkspaceWaitError": "chattool.errors",
    "open_engine": "chattool.engine",
    "open_remote": "chattool.http_backend",
    "quota_error_result": "chattool.quota_error",
    "wait_for_build": "chattool.waiting",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
