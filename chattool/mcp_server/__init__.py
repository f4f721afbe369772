"""The tools over the Model Context Protocol: on standard input and output, and as a web application.

Both majors of the ``mcp`` package serve one dispatch (``answers``): ``major_1`` and ``major_2`` only
translate. Nothing here depends on the era of the protocol, and no connection carries state.

* ``answers`` answers requests in the protocol's own JSON; it imports no ``mcp``.
* ``stdio`` and ``http`` carry them. ``chattool mcp`` is the first, ``mcp_app`` the second.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.mcp_server.answers import Origin

if TYPE_CHECKING:
    from chattool.mcp_server.http import McpApp, mcp_app
    from chattool.mcp_server.stdio import serve_stdio

__all__ = ["McpApp", "Origin", "mcp_app", "serve_stdio"]

_HOMES = {"McpApp": "http", "mcp_app": "http", "serve_stdio": "stdio"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import importlib  # noqa: PLC0415 - only those who serve need the package

    try:
        module = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in {"mcp", "mcp_types"}:
            raise
        raise ImportError('the MCP server needs the package mcp: pip install "chattool[mcp]"') from error
    return getattr(module, name)
