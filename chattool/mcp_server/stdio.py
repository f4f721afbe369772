"""The server on standard input and output, for hosts on the same machine."""

from __future__ import annotations

import sys
from contextlib import redirect_stdout
from typing import TYPE_CHECKING

from mcp.server.stdio import stdio_server

from chattool.mcp_server.library import make_server

if TYPE_CHECKING:
    from chattool.mcp_server.answers import Origin


async def serve_stdio(origin: Origin) -> None:
    """Serve one host until it closes the connection. Builds and workspaces do not live in this process."""
    server = make_server(lambda _request: origin)
    async with stdio_server() as (read_stream, write_stream):
        # A stray print must not end up between the messages.
        with redirect_stdout(sys.stderr):
            await server.run(read_stream, write_stream, server.create_initialization_options())
