"""``chattool quota``."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import FAILED, OK, Command, run
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from quota.check import Charge, Drift

app = typer.Typer(help="See what may be spent, and check the ledger.", no_args_is_help=True)


@app.command()
def show(ctx: typer.Context) -> int:
    """Show your credits: spent, allowed, from which groups and on which workspaces.

    Another user's: [cyan]chattool quota show --user NAME[/cyan]
    """
    return run(ctx, _show)


@app.command()
def check(
    ctx: typer.Context,
    repair: Annotated[
        str | None,
        typer.Option(
            metavar="WORKSPACE", help="Set this workspace's entry to what its builds say.", show_default=False
        ),
    ] = None,
) -> int:
    """Replay all builds and compare the result with the ledger. The exit code is 1 when they differ."""
    return run(ctx, lambda command: _check(command, repair))


async def _show(command: Command) -> None:
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        report = await operations.quota()
    spending = [(each.full_name, each.latest.status, each.credits) for each in report.workspaces]
    screen = command.screen
    screen.show(
        {
            "user": report.username,
            "credits_consumed": report.credits_consumed,
            "budget": report.budget,
            "groups": [{"name": name, "quota_allowance": allowance} for name, allowance in report.groups],
            "workspaces": [
                {"name": name, "status": status, "credits": charge} for name, status, charge in spending
            ],
        },
        f"{report.username} uses {report.credits_consumed} of {report.budget} credits.",
    )
    if screen.json:
        return
    screen.line("")
    screen.show(
        [], Table(columns=("group", "allowance"), rows=report.groups, numbers=frozenset({"allowance"}))
    )
    if spending:
        screen.line("")
        columns = ("workspace", "status", "credits")
        screen.show([], Table(columns=columns, rows=spending, numbers=frozenset({"credits"})))
    if report.budget == 0:
        screen.note("Nothing may be spent yet. Allow some: chattool groups set-allowance Everyone 40")


async def _check(command: Command, repair: str | None) -> int:
    from chattool.cli import lookup
    from chattool.cli.session import open_database
    from quota import check as checking

    async with open_database(command.options) as store:
        if repair is not None:
            workspace = await store.read(lookup.workspace, command.options.user, repair)
            repaired = await store.write(checking.repair, workspace.id)
            if not command.screen.json:
                name = f"{workspace.owner_name}/{workspace.name}"
                command.screen.line(f"Repaired {name}." if repaired else f"{name} was right already.")
        drifts = await store.read(checking.drifts)
    command.screen.show(
        {"ok": not drifts, "drifts": [_drift_document(drift) for drift in drifts]},
        Table(
            columns=("workspace", "ledger", "builds say"),
            rows=[
                (each.workspace_name, _charge_text(each.recorded), _charge_text(each.replayed))
                for each in drifts
            ],
            empty="The ledger is what the builds say.",
        ),
    )
    return FAILED if drifts else OK


def _drift_document(drift: Drift) -> dict[str, object]:
    return {
        "workspace_id": drift.workspace_id,
        "workspace": drift.workspace_name,
        **({} if drift.recorded is None else {"recorded": asdict(drift.recorded)}),
        "replayed": asdict(drift.replayed),
    }


def _charge_text(charge: Charge | None) -> str:
    if charge is None:
        return "no entry"
    return f"{charge.confirmed}" + (f" (+{charge.reserved} reserved)" if charge.reserved is not None else "")
