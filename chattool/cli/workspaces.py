"""``chattool workspaces``."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import FAILED, Command, run
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from datetime import datetime

app = typer.Typer(help="Look at workspaces, and delete them.", no_args_is_help=True)

WorkspaceName = Annotated[
    str, typer.Argument(metavar="WORKSPACE", help="NAME, OWNER/NAME or id.", show_default=False)
]


@app.command("list")
def list_workspaces(
    ctx: typer.Context,
    everyone: Annotated[bool, typer.Option("--all", help="Those of all users.")] = False,
) -> int:
    """List your workspaces with their state and what they cost now."""
    return run(ctx, lambda command: _list(command, everyone=everyone))


@app.command()
def show(ctx: typer.Context, workspace: WorkspaceName) -> int:
    """Show a workspace: state, agents, directory.

    Example: [cyan]chattool workspaces show scratch-1a2b[/cyan]
    """
    return run(ctx, lambda command: _show(command, workspace))


@app.command()
def delete(
    ctx: typer.Context,
    workspace: WorkspaceName,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    wait: Annotated[bool, typer.Option(help="Wait until it is deleted.")] = True,
) -> int:
    """Delete a workspace with its files, and free its credits. Asks first on a terminal.

    Example: [cyan]chattool workspaces delete scratch-1a2b --yes[/cyan]
    """
    return run(ctx, lambda command: _delete(command, workspace, yes=yes, wait=wait))


async def _list(command: Command, *, everyone: bool) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations
    from db.clock import SystemClock

    async with open_operations(command.options) as operations:
        found = await operations.workspaces(everyone=everyone)
    now = SystemClock().now()
    command.screen.show(
        [documents.workspace(each) for each in found],
        Table(
            columns=("workspace", "template", "status", "credits", "age"),
            rows=[
                (
                    each.full_name,
                    each.template_name,
                    each.latest.status,
                    each.credits,
                    age_text(each.created_at, now),
                )
                for each in found
            ],
            numbers=frozenset({"credits", "age"}),
            empty="No workspaces yet. Make one with: chattool tool call create_workspace -a template=NAME",
        ),
    )


async def _show(command: Command, name: str) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations
    from db.clock import SystemClock

    async with open_operations(command.options) as operations:
        details = await operations.workspace_details(name)
    found, directory = details.workspace, details.directory
    build = found.latest
    document = documents.workspace(found)
    document["agents"] = [documents.agent(agent) for agent in details.agents]
    if directory is not None:
        document["directory"] = str(directory)
    command.screen.show(
        document,
        command.screen.facts(
            [
                ("workspace", found.full_name),
                ("id", found.id),
                ("template", found.template_name),
                ("status", f"{build.status} ({build.transition} #{build.build_number} {build.job.status})"),
                ("credits", found.credits),
                ("created", f"{age_text(found.created_at, SystemClock().now())} ago"),
                *(
                    ("agent", f"{each.name}: {each.connection}, {each.lifecycle_state}")
                    for each in details.agents
                ),
                *([("directory", directory)] if directory is not None else []),
            ]
        ),
    )


async def _delete(command: Command, name: str, *, yes: bool, wait: bool) -> int | None:
    from chattool.cli.builds import watch
    from chattool.cli.session import open_operations, open_working_operations
    from db.errors import RequestError

    async with open_operations(command.options) as operations:
        workspace = await operations.workspace(name)
    shown = workspace.full_name
    asks = not yes and not command.screen.json and sys.stdin.isatty()
    if asks and not typer.confirm(f"Delete {shown} with all its files?"):
        command.screen.note("Nothing was deleted.")
        return FAILED
    async with open_working_operations(command.options) as operations:
        try:
            build_id = await operations.delete_workspace(workspace.id)
        except RequestError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            advice = f"wait, or end it with: chattool builds cancel {shown}"
            raise RequestError(error.status_code, f"{shown} has an active build; {advice}") from error
        return await watch(command, operations, build_id, wait=wait)


def age_text(then: datetime, now: datetime) -> str:
    """How long ago something was, in its largest unit: ``5m``."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
