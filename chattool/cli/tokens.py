"""``chattool tokens``: what users sign in to a server with."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import typer

from chattool.cli.command import Command, WrongUsage, run
from chattool.cli.screen import Table

app = typer.Typer(help="Make and end tokens of the HTTP API.", no_args_is_help=True)


@app.command()
def create(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="What it is for.")] = "cli",
    days: Annotated[int, typer.Option(min=0, max=36500, help="How long it is valid; 0: without end.")] = 30,
    scope: Annotated[str, typer.Option(help="all, or read: it changes nothing.")] = "all",
) -> int:
    """Make a token for the user of --user. It is shown once.

    Example: [cyan]chattool tokens create laptop --user alice --days 90[/cyan]
    """
    return run(ctx, lambda command: _create(command, name, days, scope))


@app.command("list")
def list_tokens(ctx: typer.Context) -> int:
    """List the valid tokens of the user of --user."""
    return run(ctx, _list)


@app.command()
def revoke(
    ctx: typer.Context, token: Annotated[str, typer.Argument(help="Its id.", show_default=False)]
) -> int:
    """End a token at once."""
    return run(ctx, lambda command: _revoke(command, token))


async def _create(command: Command, name: str, days: int, scope: str) -> None:
    from chattool.cli.session import open_operations
    from chattool.identity import Scope

    if scope not in list(Scope):
        raise WrongUsage(f"no scope {scope!r}; there are: {', '.join(Scope)}")
    async with open_operations(command.options, makes=True) as operations:
        token_id, key = await operations.create_token(
            name, scope=scope, lifetime=timedelta(days=days) if days else None
        )
    command.screen.show({"id": str(token_id), "key": key}, key)


async def _list(command: Command) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        found = await operations.tokens()
    shown = [documents.token(each) for each in found]
    command.screen.show(
        shown,
        Table(
            columns=("id", "name", "scope", "expires", "last used"),
            rows=[
                tuple(
                    str(each.get(key, "-")) for key in ("id", "name", "scope", "expires_at", "last_used_at")
                )
                for each in shown
            ],
        ),
    )


async def _revoke(command: Command, token: str) -> None:
    from uuid import UUID

    from chattool.cli.session import open_operations
    from db.errors import NotFound
    from db.ids import TokenId

    try:
        token_id = TokenId(UUID(token))
    except ValueError:
        raise WrongUsage(f"{token!r} is no id; see: chattool tokens list") from None
    async with open_operations(command.options) as operations:
        if token_id not in {each.id for each in await operations.tokens()}:
            raise NotFound(f"no valid token {token}; see: chattool tokens list")
        await operations.revoke_token(token_id)
    command.screen.show({"id": token, "revoked": True}, f"Token {token} has ended.")
