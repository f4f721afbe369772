"""The server on ``mcp`` 2.x, which speaks 2026-07-28 and every older revision."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp import MCPError
from mcp.server import Server

from chattool.mcp_server import answers, build_logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from mcp.server.context import ServerRequestContext

    from chattool.mcp_server.answers import Origin


def make_server(origin: Callable[[Any], Origin]) -> Server[Any]:
    """A server whose requests come from where ``origin`` says; it gets the web request, if there is one."""
    tools = [types.Tool.model_validate(document) for document in answers.tool_documents()]
    template = types.ResourceTemplate.model_validate(build_logs.TEMPLATE)

    async def list_tools(_ctx: ServerRequestContext[Any], _params: object) -> types.ListToolsResult:
        return types.ListToolsResult(tools=tools)

    async def call_tool(
        ctx: ServerRequestContext[Any], params: types.CallToolRequestParams
    ) -> types.CallToolResult:
        if not answers.is_tool(params.name):
            raise MCPError(code=types.INVALID_PARAMS, message=f"Unknown tool: {params.name}")
        wants_progress = bool(ctx.meta) and "progress_token" in (ctx.meta or {})
        result = await answers.call_tool(
            origin(ctx.request),
            params.name,
            params.arguments,
            dict(ctx.meta or {}),
            ctx.session.report_progress if wants_progress else None,
        )
        return types.CallToolResult.model_validate(result)

    async def list_resources(_ctx: ServerRequestContext[Any], _params: object) -> types.ListResourcesResult:
        return types.ListResourcesResult(resources=[])

    async def list_templates(
        _ctx: ServerRequestContext[Any], _params: object
    ) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=[template])

    async def read_resource(
        ctx: ServerRequestContext[Any], params: types.ReadResourceRequestParams
    ) -> types.ReadResourceResult:
        try:
            result = await build_logs.read_build_log(origin(ctx.request), str(params.uri))
        except build_logs.ResourceMissing as error:
            raise MCPError(code=types.INVALID_PARAMS, message=str(error)) from None
        return types.ReadResourceResult.model_validate(result)

    return Server(
        "chattool",
        version=version("chattool"),
        instructions=answers.INSTRUCTIONS,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
    )
