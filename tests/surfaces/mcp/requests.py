"""Requests as an MCP host makes them, past the library."""

import asyncio
from typing import Any

from chattool.callers import Caller
from chattool.mcp_server.answers import Origin, call_tool
from db.records import Template
from tests.integration.tools.engine_host import EngineHost


def origin(host: EngineHost, *pinned: str, default: str = "mcp:1") -> Origin:
    async def caller() -> Caller:
        return host.engine.caller(default_chat=default)

    return Origin(caller=caller, pinned=pinned)


async def call(
    origin_: Origin, tool: str, meta: dict[str, object] | None = None, **arguments: object
) -> dict[str, Any]:
    """The structured answer."""
    async with asyncio.timeout(20):
        result = await call_tool(origin_, tool, arguments, meta, None)
    return dict(result["structuredContent"])


async def create(origin_: Origin, template: Template, **more: Any) -> dict[str, Any]:  # noqa: ANN401 - arguments
    return await call(origin_, "create_workspace", template_id=str(template.id), **more)
