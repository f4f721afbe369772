"""``chattool login`` and ``chattool logout``: the token for a server, kept in the state directory."""

from __future__ import annotations

import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import Command, WrongUsage, run

if TYPE_CHECKING:
    from chattool.cli.options import Options

_LONGEST_TOKEN = 1 << 16

ServerUrl = Annotated[
    str,
    typer.Argument(metavar="URL", help="Of the server, like https://chattool.example.", show_default=False),
]


def register(app: typer.Typer) -> None:
    """Add the commands to ``app``."""
    app.command("login")(login)
    app.command("logout")(logout)


def login(ctx: typer.Context, url: ServerUrl) -> int:
    """Sign in to a server once; then --url of it, or CHATTOOL_URL, is enough.

    The token is asked for, or read from standard input, CHATTOOL_TOKEN or --token. It is kept in the state
    directory, in a file that only you can read.

    [cyan]chattool login https://chattool.example[/cyan]

    [cyan]chattool --url https://chattool.example workspaces list[/cyan]
    """
    return run(ctx, lambda command: _login(command, url))


def logout(ctx: typer.Context, url: ServerUrl) -> int:
    """Forget the token for a server. It stays valid; chattool tokens revoke ends it."""
    return run(ctx, lambda command: _logout(command, url))


async def _login(command: Command, url: str) -> None:
    from chattool.cli import logins
    from chattool.cli.session import open_server

    options = _at(command, url)
    token = logins.checked(options.token or _asked_for(command, url))
    async with open_server(replace(options, token=token)) as remote:
        found, user = remote.connection.url, remote.user.username
    logins.store(options.home, found, token)
    command.screen.show(
        {"url": found, "user": user},
        f"Signed in to {found} as {user}. Use it with --url {found}, or: export CHATTOOL_URL={found}",
    )


async def _logout(command: Command, url: str) -> None:
    from chattool.cli import logins
    from chattool.cli.session import check_server
    from db.errors import NotFound

    found = check_server(_at(command, url))
    if not logins.forget(command.options.home, found):
        raise NotFound(f"nobody is signed in to {found}")
    command.screen.show({"url": found, "signed_out": True}, f"Signed out of {found}.")


def _at(command: Command, url: str) -> Options:
    options = replace(command.options, url=url)
    if options.server is None:
        raise WrongUsage(f"a server's URL is like https://chattool.example, not {url!r}")
    return options


def _asked_for(command: Command, url: str) -> str:
    if sys.stdin.isatty() and not command.screen.json:
        answer: str = typer.prompt(f"Token for {url}", hide_input=True, err=True)
        return answer.strip()
    return sys.stdin.read(_LONGEST_TOKEN).strip()
