"""The server on ``mcp`` 1.x, from 1.27 on. Type checks run with 2.x installed, the tests with both."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

from mcp import types
from mcp.server.lowlevel import Server
from mcp.shared.exceptions import McpError

from chattool.mcp_server import answers, build_logs

if TYPE_CHECKING:
    from collections.abc import Callable

    from chattool.context import Progress
    from chattool.mcp_server.answers import Origin


def make_server(origin: Callable[[Any], Origin]) -> Server:
    """A server whose requests come from where ``origin`` says; it gets the web request, if there is one."""
    server = Server("chattool", version=version("chattool"), instructions=answers.INSTRUCTIONS)
    tools = [types.Tool.model_validate(document) for document in answers.tool_documents()]
    template = types.ResourceTemplate.model_validate(build_logs.TEMPLATE)

    async def list_tools(_: types.ListToolsRequest) -> types.ServerResult:
        return types.ServerResult(types.ListToolsResult(tools=tools))

    async def call_tool(request: types.CallToolRequest) -> types.ServerResult:
        params, context = request.params, server.request_context
        if not answers.is_tool(params.name):
            raise _invalid(f"Unknown tool: {params.name}")
        meta = (context.meta.model_extra if context.meta is not None else None) or {}
        result = await answers.call_tool(
            origin(context.request), params.name, params.arguments, meta, _progress(context)
        )
        return types.ServerResult(types.CallToolResult.model_validate(result))

    async def list_resources(_: types.ListResourcesRequest) -> types.ServerResult:
        return types.ServerResult(types.ListResourcesResult(resources=[]))

    async def list_templates(_: types.ListResourceTemplatesRequest) -> types.ServerResult:
        return types.ServerResult(types.ListResourceTemplatesResult(resourceTemplates=[template]))

    async def read_resource(request: types.ReadResourceRequest) -> types.ServerResult:
        try:
            result = await build_logs.read_build_log(
                origin(server.request_context.request), str(request.params.uri)
            )
        except build_logs.ResourceMissing as error:
            raise _invalid(str(error)) from None
        return types.ServerResult(types.ReadResourceResult.model_validate(result))

    # Not by the decorators: they turn every exception into a result, text and all.
    server.request_handlers |= {
        types.ListToolsRequest: list_tools,
        types.CallToolRequest: call_tool,
        types.ListResourcesRequest: list_resources,
        types.ListResourceTemplatesRequest: list_templates,
        types.ReadResourceRequest: read_resource,
    }
    return server


def _invalid(message: str) -> McpError:
    return McpError(types.ErrorData(code=types.INVALID_PARAMS, message=message))


def _progress(context: Any) -> Progress | None:  # noqa: ANN401 - a class of the library that 2.x lacks
    token = None if context.meta is None else context.meta.progressToken
    if token is None:
        return None

    async def report(value: float, total: float | None, message: str) -> None:
        await context.session.send_progress_notification(
            token, value, total, message, related_request_id=str(context.request_id)
        )

    return report
