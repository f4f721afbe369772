"""``chattool groups``."""

from __future__ import annotations

from typing import Annotated

import typer

from chattool.cli.command import Command, run
from chattool.cli.screen import Table
from db import allowances

app = typer.Typer(help="See groups, and set what each adds to its members' budgets.", no_args_is_help=True)


@app.command("list")
def list_groups(ctx: typer.Context) -> int:
    """List the groups with their allowances."""
    return run(ctx, _list)


# Else a negative number is taken for an option, and nobody learns the bounds.
@app.command("set-allowance", context_settings={"ignore_unknown_options": True})
def set_allowance(
    ctx: typer.Context,
    group: Annotated[
        str, typer.Argument(help="Name of the group. Everyone holds all users.", show_default=False)
    ],
    credits_per_day: Annotated[
        int,
        typer.Argument(
            metavar="CREDITS", min=0, max=allowances.MOST, help="Credits for each member.", show_default=False
        ),
    ],
) -> int:
    """Set how many credits a group adds to the budget of each member.

    Example: [cyan]chattool groups set-allowance Everyone 40[/cyan]
    """
    return run(ctx, lambda command: _set_allowance(command, group, credits_per_day))


async def _list(command: Command) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        found = await operations.groups()
    command.screen.show(
        [documents.group(each) for each in found],
        Table(
            columns=("group", "allowance"),
            rows=[(each.name, each.quota_allowance) for each in found],
            numbers=frozenset({"allowance"}),
        ),
    )


async def _set_allowance(command: Command, name: str, credits_per_day: int) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations

    async with open_operations(command.options, makes=True) as operations:
        group = await operations.set_allowance(name, credits_per_day)
    command.screen.show(
        documents.group(group),
        f"Group {group.name} now adds {group.quota_allowance} credits for each member.",
    )
