"""``chattool migrate``."""

from __future__ import annotations

import asyncio

import typer

from chattool.cli.command import Command, run


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("migrate")(migrate)


def migrate(ctx: typer.Context) -> int:
    """Bring the database to the schema of this version of chattool.

    SQLite files are brought up to date by themselves. Example:

    [cyan]chattool migrate --url postgresql://me@db/chattool[/cyan]
    """
    return run(ctx, _migrate)


async def _migrate(command: Command) -> None:
    from chattool.cli.session import check_database
    from db import migrations
    from db.engine import open_store
    from db.errors import SchemaMismatch

    check_database(command.options)
    url = command.options.database
    found: str | None = migrations.HEAD
    try:
        async with open_store(url, migrate=False):
            pass
    except SchemaMismatch as error:
        found = error.found
        await asyncio.to_thread(migrations.upgrade, url)
    document = {"from": found, "to": migrations.HEAD, "changed": found != migrations.HEAD}
    if found == migrations.HEAD:
        text = f"The database is at version {migrations.HEAD} already."
    else:
        text = f"The database is now at version {migrations.HEAD} (before: {found or 'empty'})."
    command.screen.show(document, text)
