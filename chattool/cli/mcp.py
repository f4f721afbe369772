"""``chattool mcp``: the tools for an agent's host, over standard input and output."""

from __future__ import annotations

import asyncio
import logging
import uuid
from typing import TYPE_CHECKING

import typer

from chattool.cli.command import Command, WrongUsage, run

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from chattool.mcp_server import Origin


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
    from chattool.cli.session import open_working_engine
    from chattool.event_log import log_events
    from chattool.mcp_server import Origin

    options = command.options
    if options.chat_named and not callers.is_handle(options.chat):
        raise WrongUsage(f"{options.chat!r} cannot be a chat: a chat's name has {callers.HANDLE_RULE}")
    log_events(logging.DEBUG if options.debug else logging.WARNING)
    # The library takes a while to load, and so does the start of an engine in its own process.
    loading = asyncio.create_task(asyncio.to_thread(_serve_stdio))
    async with open_working_engine(options) as engine:
        serve = await loading
        await serve(
            Origin(
                caller=engine.caller(default_chat=f"mcp:{uuid.uuid4().hex}"),
                pinned=(options.chat,) if options.chat_named else (),
                prepare=_engine_at_work(command),
            )
        )


def _serve_stdio() -> Callable[[Origin], Awaitable[None]]:
    try:
        from chattool.mcp_server import serve_stdio
    except ImportError as error:
        raise WrongUsage(str(error)) from error
    return serve_stdio


def _engine_at_work(command: Command) -> Callable[[], Awaitable[object]] | None:
    """What makes sure that somebody works on the builds: an engine leaves when it has been idle."""
    from chattool import background

    if command.options.url is not None:
        return None
    return lambda: background.ensure(command.options.home)
