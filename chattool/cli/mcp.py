"""``chattool mcp``: the tools for an agent's host, over standard input and output."""

from __future__ import annotations

import asyncio
import logging
import uuid
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import typer

from chattool.cli.command import Command, WrongUsage, run

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from chattool.callers import Caller
    from chattool.cli.operations import Operations
    from chattool.cli.options import Options


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("mcp")(mcp)


def mcp(ctx: typer.Context) -> int:
    r"""Serve the tools to an agent's host over MCP, on standard input and output.

    A host starts it. Each start is a conversation of its own, unless --chat or CHATTOOL_CHAT names one.
    Builds and workspaces outlive it: the background engine of the state directory does the work. A call waits
    for a build for 25 s, or for wait_seconds, at most 50; wait_for_workspace goes on from there. Logs go to
    standard error.

    Claude Code:  [cyan]claude mcp add chattool -- chattool mcp[/cyan]

    Other hosts:  [cyan]{"mcpServers": {"chattool": {"command": "chattool", "args": ["mcp"]}}}[/cyan]

    Try it:  [cyan]npx @modelcontextprotocol/inspector --cli chattool mcp --method tools/list[/cyan]

    Needs the package mcp: [cyan]pip install "chattool\[mcp]"[/cyan]
    """
    return run(ctx, _serve)


async def _serve(command: Command) -> None:
    from chattool import callers
    from chattool.background import state_directory
    from chattool.cli.session import check_access
    from chattool.event_log import log_events
    from chattool.mcp_server import Origin

    options = command.options
    check_access(options)
    if options.chat_named and not callers.is_handle(options.chat):
        raise WrongUsage(f"{options.chat!r} cannot be a chat: a chat's name has {callers.HANDLE_RULE}")
    try:
        from chattool.mcp_server import serve_stdio
    except ImportError as error:
        raise WrongUsage(str(error)) from error
    if options.url is None:
        # A host that only looks and leaves would never hear of it.
        state_directory.prepare(state_directory.state_directory(options.home))
    log_events(logging.DEBUG if options.debug else logging.WARNING)
    async with _opening(options) as opening:
        caller = _caller(options, opening)
        await serve_stdio(Origin(caller=caller, pinned=(options.chat,) if options.chat_named else ()))


@asynccontextmanager
async def _opening(options: Options) -> AsyncIterator[asyncio.Future[Operations]]:
    """The tools, as soon as they are there. Hosts give up on a server that does not greet them in seconds."""
    from chattool.cli.session import open_working_operations

    ready: asyncio.Future[Operations] = asyncio.get_running_loop().create_future()
    served = asyncio.Event()

    async def hold() -> None:
        try:
            async with open_working_operations(options) as operations:
                ready.set_result(operations)
                await served.wait()
        except Exception as error:
            if ready.done():
                raise
            ready.set_exception(error)
            ready.exception()  # whoever calls a tool is told; if nobody does, it is no news

    holding = asyncio.create_task(hold())
    try:
        yield ready
    finally:
        served.set()
        if not ready.done():
            holding.cancel()
        await asyncio.wait({holding})


def _caller(options: Options, opening: asyncio.Future[Operations]) -> Callable[[], Awaitable[Caller]]:
    default_chat = f"mcp:{uuid.uuid4().hex}"

    async def caller() -> Caller:
        from chattool import background

        operations = await asyncio.shield(opening)
        if options.url is None:
            # The background engine leaves when it has been idle for a while.
            await background.ensure(options.home)
        return operations.caller(default_chat=default_chat)

    return caller
