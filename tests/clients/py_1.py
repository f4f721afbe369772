"""The Python client of mcp 1.27. It runs in .venv-mcp1."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

from mcp import ClientSession, McpError
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamablehttp_client

SCRIPT: dict[str, Any] = json.loads(os.environ["CLIENT_SCRIPT"])


@asynccontextmanager
async def connected() -> AsyncIterator[ClientSession]:
    server = SCRIPT["server"]
    if "url" in server:
        transport = streamablehttp_client(server["url"], headers=server["headers"])
    else:
        transport = stdio_client(StdioServerParameters(**server))
    async with transport as streams, ClientSession(streams[0], streams[1]) as session:
        await session.initialize()
        yield session


async def call(session: ClientSession, step: dict[str, Any]) -> dict[str, Any]:
    progress: list[Any] = []

    async def hear(value: float, total: float | None, message: str | None) -> None:
        progress.append([value, total, message])

    try:
        result = await session.call_tool(
            step["tool"],
            step["arguments"],
            read_timeout_seconds=timedelta(seconds=step.get("timeout_seconds", 30)),
            progress_callback=hear,
            meta=step.get("meta"),
        )
    except McpError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {
        "text": [block.text for block in result.content if block.type == "text"],
        "structured": result.structuredContent,
        "is_error": bool(result.isError),
        "progress": progress,
    }


async def main() -> None:
    async with connected() as session:
        tools = await session.list_tools()
        print(json.dumps({"tools": [tool.name for tool in tools.tools]}), flush=True)
        for step in SCRIPT["steps"]:
            print(json.dumps(await call(session, step)), flush=True)


asyncio.run(main())
