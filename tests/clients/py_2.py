"""The Python client of mcp 2.x. It runs in .venv, in the era that the script names."""

import asyncio
import json
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp import Client, MCPError
from mcp.client.stdio import StdioServerParameters
from mcp.client.streamable_http import streamable_http_client

SCRIPT: dict[str, Any] = json.loads(os.environ["CLIENT_SCRIPT"])


@asynccontextmanager
async def connected() -> AsyncIterator[Client]:
    server, mode = SCRIPT["server"], SCRIPT["era"]
    if "url" in server:
        async with httpx2.AsyncClient(headers=server["headers"], timeout=30) as http:
            transport = streamable_http_client(server["url"], http_client=http)
            async with Client(transport, mode=mode) as client:
                yield client
    else:
        async with Client(StdioServerParameters(**server), mode=mode) as client:
            yield client


async def call(client: Client, step: dict[str, Any]) -> dict[str, Any]:
    heard: list[Any] = []

    async def hear(progress: float, total: float | None, message: str | None) -> None:
        heard.append([progress, total, message])

    try:
        result = await client.call_tool(
            step["tool"],
            step["arguments"],
            read_timeout_seconds=step.get("timeout_seconds", 30),
            progress_callback=hear,
            meta=step.get("meta"),
        )
    except MCPError as error:
        return {"error": {"code": error.error.code, "message": error.error.message}}
    return {
        "text": [block.text for block in result.content if block.type == "text"],
        "structured": result.structured_content,
        "is_error": bool(result.is_error),
        "progress": heard,
    }


async def main() -> None:
    async with connected() as client:
        tools = await client.list_tools()
        print(json.dumps({"tools": [tool.name for tool in tools.tools]}), flush=True)
        for step in SCRIPT["steps"]:
            print(json.dumps(await call(client, step)), flush=True)


asyncio.run(main())
