"""An MCP server over HTTP with tokens of its own, until standard input closes.

Its argument is the database's URL, its one line on standard output its port. It runs on whichever major of
mcp its interpreter has.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import uvicorn
from fastapi import FastAPI
from starlette.routing import Route

from chattool.callers import Caller
from chattool.engine import open_engine
from chattool.mcp_server import mcp_app

TOKEN = "token-of-me"  # noqa: S105 - of a server on loopback that lives for one test


async def main(url: str) -> None:
    async with open_engine(url, run_daemon=False) as engine:

        async def verify(token: str) -> Caller | None:
            return engine.caller(default_chat="token:1") if token == TOKEN else None

        mcp = mcp_app(verify)

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            async with mcp:
                yield

        app = FastAPI(lifespan=lifespan, routes=[Route("/mcp", mcp)])
        listener = socket.create_server(("127.0.0.1", 0))
        # Clients reuse connections, and an idle one that is closed under a request is an error for some.
        config = uvicorn.Config(app, log_level="warning", timeout_keep_alive=60, timeout_graceful_shutdown=1)
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        sys.stdout.write(f"{listener.getsockname()[1]}\n")
        sys.stdout.flush()
        await asyncio.to_thread(sys.stdin.read)
        server.should_exit = True
        await serving


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
