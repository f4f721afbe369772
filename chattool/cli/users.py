"""``chattool users``."""

from __future__ import annotations

from typing import Annotated

import typer

from chattool.cli.command import Command, WrongUsage, run
from chattool.cli.screen import Table

app = typer.Typer(help="See and add users.", no_args_is_help=True)


@app.command("list")
def list_users(ctx: typer.Context) -> int:
    """List the users."""
    return run(ctx, _list)


@app.command()
def add(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the new user.", show_default=False)],
    role: Annotated[
        list[str] | None,
        typer.Option(help="owner, template-admin or auditor; may be repeated.", show_default=False),
    ] = None,
) -> int:
    """Add a user, who is a member of Everyone.

    Example: [cyan]chattool users add alice[/cyan]
    """
    return run(ctx, lambda command: _add(command, name, role or []))


@app.command()
def first(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the owner.", show_default=False)],
    email: Annotated[str, typer.Option(help="Address of the owner.")] = "",
) -> int:
    """Make the first user of a new server, its owner; prints a token of 30 days.

    Example: [cyan]chattool users first alice --url postgresql://me@db/chattool[/cyan]
    """
    return run(ctx, lambda command: _first(command, name, email))


async def _list(command: Command) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        found = await operations.users()
    command.screen.show(
        [documents.user(each) for each in found],
        Table(
            columns=("user", "status", "roles"),
            rows=[(each.username, each.status, ", ".join(each.roles)) for each in found],
        ),
    )


async def _add(command: Command, name: str, roles: list[str]) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations
    from db import names
    from provisioner.build_requests import ADMINISTRATOR, AUDITOR, TEMPLATE_ADMINISTRATOR

    known = (ADMINISTRATOR, TEMPLATE_ADMINISTRATOR, AUDITOR)
    if unknown := set(roles) - set(known):
        raise WrongUsage(f"no role {min(unknown)!r}; there are: {', '.join(known)}")
    if not names.is_valid(name):
        raise WrongUsage(f"{name!r} cannot be a user: a name has {names.RULE}")
    async with open_operations(command.options, makes=True) as operations:
        user = await operations.add_user(name, sorted(set(roles)))
    command.screen.show(documents.user(user), f"Added user {user.username}.")


async def _first(command: Command, name: str, email: str) -> None:
    from chattool.cli.session import open_database
    from chattool.identity import FIRST_TOKEN_LIFETIME, Scope
    from db import accounts, names

    if not names.is_valid(name):
        raise WrongUsage(f"{name!r} cannot be a user: a name has {names.RULE}")
    async with open_database(command.options, makes=True) as store:
        made = await store.write(
            accounts.create_first,
            name,
            email=email,
            scope=Scope.ALL.value,
            lifetime=FIRST_TOKEN_LIFETIME,
        )
    document = {"id": str(made.user.id), "username": made.user.username, "key": made.key}
    command.screen.show(document, made.key)
