"""``chattool workspaces``."""

from __future__ import annotations

import sys
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import FAILED, Command, run
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from db.records import Agent, Build, Workspace
    from db.transactions import Connection

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
    from chattool.cli.session import open_session
    from quota.charges import charges

    async with open_session(command.options) as session:
        found = await session.store.read(with_builds)
        charged = await session.store.read(charges, session.organization.id)
        now = session.store.clock.now()
    found = [(each, build) for each, build in found if everyone or each.owner_id == session.user.id]
    command.screen.show(
        [documents.workspace(each, build, charge=charged.get(each.id, 0)) for each, build in found],
        Table(
            columns=("workspace", "template", "status", "credits", "age"),
            rows=[
                (
                    f"{each.owner_name}/{each.name}",
                    each.template_name,
                    build.status,
                    charged.get(each.id, 0),
                    age_text(each.created_at, now),
                )
                for each, build in found
            ],
            numbers=frozenset({"credits", "age"}),
            empty="No workspaces yet. Make one with: chattool tool call create_workspace -a template=NAME",
        ),
    )


async def _show(command: Command, name: str) -> None:
    from chattool.cli import documents, lookup
    from chattool.cli.session import open_session
    from chattool.settings import ToolSettings
    from db import agents, builds
    from quota.charges import charges

    async with open_session(command.options) as session:
        workspace = await session.store.read(lookup.workspace, command.options.user, name)
        build = await session.store.read(builds.latest, workspace.id)
        found = await session.store.read(agents.of_build, build.id)
        directory = await session.store.read(local_directory, build)
        charge = (await session.store.read(charges, session.organization.id)).get(workspace.id, 0)
        now = session.store.clock.now()
    limit = ToolSettings().agent_inactive_timeout
    contacts: Sequence[tuple[Agent, str]] = [(agent, agent.connection(now, limit)) for agent in found]
    document = documents.workspace(workspace, build, charge=charge)
    document["agents"] = [documents.agent(agent, connection) for agent, connection in contacts]
    if directory is not None:
        document["directory"] = str(directory)
    command.screen.show(
        document,
        command.screen.facts(
            [
                ("workspace", document["name"]),
                ("id", workspace.id),
                ("template", workspace.template_name),
                ("status", f"{build.status} ({build.transition} #{build.build_number} {build.job.status})"),
                ("credits", charge),
                ("created", f"{age_text(workspace.created_at, now)} ago"),
                *(("agent", f"{each.name}: {link}, {each.lifecycle_state}") for each, link in contacts),
                *([("directory", directory)] if directory is not None else []),
            ]
        ),
    )


async def _delete(command: Command, name: str, *, yes: bool, wait: bool) -> int | None:
    from chattool.backend import CreateBuild
    from chattool.cli import lookup
    from chattool.cli.builds import watch
    from chattool.cli.session import open_session, open_working_engine
    from db.errors import RequestError
    from db.states import Transition

    async with open_session(command.options) as session:
        workspace = await session.store.read(lookup.workspace, command.options.user, name)
    shown = f"{workspace.owner_name}/{workspace.name}"
    asks = not yes and not command.screen.json and sys.stdin.isatty()
    if asks and not typer.confirm(f"Delete {shown} with all its files?"):
        command.screen.note("Nothing was deleted.")
        return FAILED
    async with open_working_engine(command.options) as engine:
        actor = await engine.backend.as_owner(engine.user.id)
        request = CreateBuild(workspace_id=workspace.id, transition=Transition.DELETE)
        try:
            build = await engine.backend.create_build(actor, request)
        except RequestError as error:
            if error.status_code != HTTPStatus.CONFLICT:
                raise
            advice = f"wait, or end it with: chattool builds cancel {shown}"
            raise RequestError(error.status_code, f"{shown} has an active build; {advice}") from error
        return await watch(command, engine.store, build.id, shown, wait=wait)


def with_builds(conn: Connection) -> Sequence[tuple[Workspace, Build]]:
    """The living workspaces, each with its latest build."""
    from db import builds, workspaces

    return [(each, builds.build(conn, each.latest_build_id)) for each in workspaces.listed(conn)]


def local_directory(conn: Connection, build: Build) -> Path | None:
    """Where a local workspace's files are, as its build left them."""
    from db import builds
    from db.states import ProvisionerType
    from provisioner.provisioners.local_state import StateInvalid, read_state

    if build.job.provisioner is not ProvisionerType.LOCAL:
        return None
    try:
        state = read_state(builds.state(conn, build.id))
    except StateInvalid:
        return None
    return None if state is None else state.directory


def age_text(then: datetime, now: datetime) -> str:
    """How long ago something was, in its largest unit: ``5m``."""
    seconds = max(0, int((now - then).total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= length:
            return f"{seconds // length}{unit}"
    return f"{seconds}s"
