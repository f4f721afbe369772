"""``chattool secrets``: the key that stored secrets are encrypted with."""

from __future__ import annotations

import typer

from chattool.cli.command import Command, run

app = typer.Typer(help="Make and change the key of stored secrets.", no_args_is_help=True)


@app.command("new-key")
def new_key(ctx: typer.Context) -> int:
    """Print a fresh key for CHATTOOL_SECRET_KEY."""
    return run(ctx, _new_key)


@app.command()
def renew(ctx: typer.Context) -> int:
    """Encrypt every stored secret with the newest key; then older keys can go.

    Example: [cyan]CHATTOOL_SECRET_KEY=$NEW,$OLD chattool secrets renew --url postgresql://me@db/chattool[/cyan]
    """
    return run(ctx, _renew)


async def _new_key(command: Command) -> None:
    from db import secrets

    key = secrets.new_key()
    command.screen.show({"key": key}, key)


async def _renew(command: Command) -> None:
    from chattool.cli.session import open_database
    from provisioner import secret_renewal

    async with open_database(command.options) as store:
        changed = await secret_renewal.renew(store)
    command.screen.show({"changed": changed}, f"Renewed the secrets of {changed} template versions.")
