"""``chattool workspaces``."""

from __future__ import annotations

import sys
from http import HTTPStatus
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import FAILED, OK, Command, named_values, run
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from chattool.cli.operations import Workspace
    from db.states import Transition

app = typer.Typer(help="Look at workspaces; start, stop and delete them.", no_args_is_help=True)

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
def start(
    ctx: typer.Context,
    workspace: WorkspaceName,
    parameter: Annotated[
        list[str] | None,
        typer.Option(
            "--parameter",
            "-p",
            metavar="NAME=VALUE",
            help="Another value of a template parameter; may be repeated.",
            show_default=False,
        ),
    ] = None,
    wait: Annotated[bool, typer.Option(help="Wait until it is built.")] = True,
) -> int:
    """Start a workspace. One that runs is left as it is, unless it is given other parameters.

    Example: [cyan]chattool workspaces start scratch-1a2b[/cyan]
    """
    return run(ctx, lambda command: _start(command, workspace, parameter or [], wait=wait))


@app.command()
def stop(
    ctx: typer.Context,
    workspace: WorkspaceName,
    wait: Annotated[bool, typer.Option(help="Wait until it is stopped.")] = True,
) -> int:
    """Stop a workspace and keep its files; it costs less then.

    Example: [cyan]chattool workspaces stop scratch-1a2b[/cyan]
    """
    return run(ctx, lambda command: _stop(command, workspace, wait=wait))


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


async def _start(command: Command, name: str, pairs: Sequence[str], *, wait: bool) -> int | None:
    from db.states import BuildStatus, Transition

    parameters = named_values("--parameter", pairs)
    workspace = await _workspace(command, name)
    if workspace.latest.status is BuildStatus.RUNNING and not parameters:
        return _left_alone(command, workspace)
    return await _build(command, workspace, Transition.START, parameters, wait=wait)


async def _stop(command: Command, name: str, *, wait: bool) -> int | None:
    from db.states import BuildStatus, Transition

    workspace = await _workspace(command, name)
    if workspace.latest.status is BuildStatus.STOPPED:
        return _left_alone(command, workspace)
    return await _build(command, workspace, Transition.STOP, wait=wait)


async def _delete(command: Command, name: str, *, yes: bool, wait: bool) -> int | None:
    from db.states import Transition

    workspace = await _workspace(command, name)
    asks = not yes and not command.screen.json and sys.stdin.isatty()
    if asks and not typer.confirm(f"Delete {workspace.full_name} with all its files?"):
        command.screen.note("Nothing was deleted.")
        return FAILED
    return await _build(command, workspace, Transition.DELETE, wait=wait)


async def _workspace(command: Command, name: str) -> Workspace:
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        return await operations.workspace(name)


def _left_alone(command: Command, workspace: Workspace) -> int:
    from chattool.cli import documents

    if command.screen.json:
        command.screen.document(documents.build(workspace.latest))
    else:
        command.screen.line(f"✓ {workspace.full_name} is {workspace.latest.status} already", style="green")
    return OK


async def _build(
    command: Command,
    workspace: Workspace,
    transition: Transition,
    parameters: Mapping[str, str] = MappingProxyType({}),
    *,
    wait: bool,
) -> int:
    from chattool.cli.builds import watch
    from chattool.cli.session import open_working_operations
    from db.errors import RequestError

    async with open_working_operations(command.options) as operations:
        try:
            build_id = await operations.build_workspace(workspace.id, transition, parameters)
        except RequestError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            shown = workspace.full_name
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
