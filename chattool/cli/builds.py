"""``chattool builds``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import FAILED, OK, Command, run
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import BuildId, UserId
    from db.records import Build, JobLog, Workspace
    from db.transactions import Connection, Store
    from provisioner.daemons import QueueState

app = typer.Typer(help="Look at builds and their logs, and cancel them.", no_args_is_help=True)

BuildName = Annotated[
    str,
    typer.Argument(
        metavar="BUILD",
        help="A workspace (its latest build), WORKSPACE#NUMBER or a build's id.",
        show_default=False,
    ),
]


@app.command("list")
def list_builds(
    ctx: typer.Context,
    workspace: Annotated[
        str | None, typer.Argument(help="Only of this workspace.", show_default="all of yours")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="At most so many.")] = 20,
) -> int:
    """List builds, newest first."""
    return run(ctx, lambda command: _list(command, workspace, limit))


@app.command()
def show(ctx: typer.Context, build: BuildName) -> int:
    """Show a build: its state, place in the queue, cost and error.

    Example: [cyan]chattool builds show scratch-1a2b#2[/cyan]
    """
    return run(ctx, lambda command: _show(command, build))


@app.command()
def logs(
    ctx: typer.Context,
    build: BuildName,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the build has ended.")] = False,
) -> int:
    """Show a build's log.

    Example: [cyan]chattool builds logs scratch-1a2b --follow[/cyan]

    Lines for debugging come with --debug, and with --json. With --follow the exit code tells how the
    build ended; Ctrl-C ends the watching, not the build.
    """
    return run(ctx, lambda command: _logs(command, build, follow=follow))


@app.command()
def cancel(ctx: typer.Context, build: BuildName) -> int:
    """Cancel a build that has not ended.

    A build that waits is canceled at once; one that runs is told to end, and keeps what it had made.

    Example: [cyan]chattool builds cancel scratch-1a2b[/cyan]
    """
    return run(ctx, lambda command: _cancel(command, build))


async def watch(command: Command, store: Store, build_id: BuildId, name: str, *, wait: bool = True) -> int:
    """Show a build live until it ends; the exit code says how it ended. Ctrl-C ends only the watching."""
    from chattool.cli import documents
    from chattool.cli.build_view import BuildView, ending
    from db import builds

    if wait:
        try:
            with BuildView(command.screen, debug=command.options.debug) as view:
                build = await view.follow(store, build_id)
        except asyncio.CancelledError:
            command.screen.note(f"The build goes on. Watch it with: chattool builds logs {build_id} --follow")
            raise
    else:
        build = await store.read(builds.build, build_id)
    text, style = ending(build, name)
    if command.screen.json:
        command.screen.document(documents.build(build, name))
    else:
        command.screen.line(text, style=style)
    return _exit_code(build)


async def _list(command: Command, workspace: str | None, limit: int) -> None:
    from chattool.cli import documents
    from chattool.cli.build_view import duration_text
    from chattool.cli.session import open_session
    from chattool.cli.workspaces import age_text

    async with open_session(command.options) as session:
        found = await session.store.read(_recent, session.user.id, command.options.user, workspace, limit)
        now = session.store.clock.now()
    command.screen.show(
        [documents.build(build, _name(of)) for of, build in found],
        Table(
            columns=("build", "transition", "status", "credits", "took", "age", "error"),
            rows=[
                (
                    f"{_name(of)}#{build.build_number}",
                    build.transition,
                    build.job.status,
                    build.daily_cost,
                    duration_text(build.job.started_at, build.job.completed_at).removeprefix(" in "),
                    age_text(build.created_at, now),
                    build.job.error_code or build.job.error,
                )
                for of, build in found
            ],
            numbers=frozenset({"credits", "took", "age"}),
            empty="No builds yet.",
        ),
    )


async def _show(command: Command, text: str) -> None:
    from chattool.cli import documents
    from chattool.cli.build_view import ending, printable
    from chattool.cli.session import open_session

    async with open_session(command.options) as session:
        build, name, queue = await session.store.read(_one, command.options.user, text)
    job = build.job
    line, style = ending(build, name)
    facts: list[tuple[str, object]] = [
        ("build", f"{name}#{build.build_number}"),
        ("id", build.id),
        ("transition", build.transition),
        ("status", job.status),
        ("stage", job.stage),
        ("queue", f"{queue.position} of {queue.size}" if queue.position else None),
        ("cost asked", build.planned_cost),
        ("charged", build.daily_cost),
        ("parameters", ", ".join(f"{name}={value}" for name, value in build.parameters.items())),
        ("error", printable(job.error) if job.error else None),
        ("error code", job.error_code),
        ("reason", job.failure_reason),
    ]
    command.screen.show(
        documents.build(build, name, queue),
        command.screen.facts((fact, value) for fact, value in facts if value not in (None, "")),
    )
    command.screen.line(line, style=style)


async def _logs(command: Command, text: str, *, follow: bool) -> int:
    from chattool.cli import documents
    from chattool.cli.build_reports import build_reports
    from chattool.cli.build_view import is_shown, printable
    from chattool.cli.session import open_session
    from db.states import LogSource

    lines: list[JobLog] = []
    async with open_session(command.options) as session:
        build, name, _ = await session.store.read(_one, command.options.user, text)
        if follow and not command.screen.json:
            return await watch(command, session.store, build.id, name)
        async for report in build_reports(session.store, build.id):
            build = report.build
            lines += report.lines
            if not follow and not report.has_more:
                break
    if command.screen.json:
        document = documents.build(build, name)
        command.screen.document({**document, "lines": [documents.log_line(line) for line in lines]})
    for line in lines:
        if is_shown(line, debug=command.options.debug):
            heading = line.source is LogSource.PROVISIONER_DAEMON and line.output == line.stage
            said = printable(line.output) if heading else f"  {printable(line.output)}"
            command.screen.line(f"{line.created_at:%H:%M:%S} {line.level:<5} {said}")
    return _exit_code(build) if follow else OK


async def _cancel(command: Command, text: str) -> None:
    from chattool.cli.session import open_session
    from db import builds
    from db.errors import RequestError
    from db.states import JobStatus
    from provisioner import cancel as canceling

    async with open_session(command.options) as session:
        build, name, _ = await session.store.read(_one, command.options.user, text)
        try:
            status = await session.store.write(canceling.cancel_build, session.user, build.id)
        except RequestError as error:
            now = (await session.store.read(builds.build, build.id)).job.status
            if now.active:
                raise
            message = f"{name}#{build.build_number} has ended already: {now}"
            raise RequestError(error.status_code, message) from error
    said = "was canceled" if status is JobStatus.CANCELED else "is being canceled"
    command.screen.show(
        {"id": build.id, "workspace": name, "build_number": build.build_number, "status": status},
        f"{name}#{build.build_number} {said}.",
    )


def _exit_code(build: Build) -> int:
    from db.states import JobStatus

    return FAILED if build.job.status in (JobStatus.FAILED, JobStatus.CANCELED) else OK


def _name(workspace: Workspace) -> str:
    return f"{workspace.owner_name}/{workspace.name}"


def _recent(
    conn: Connection, user_id: UserId, user: str, workspace: str | None, limit: int
) -> Sequence[tuple[Workspace, Build]]:
    from chattool.cli import lookup
    from db import builds, workspaces

    if workspace is not None:
        chosen = [lookup.workspace(conn, user, workspace, deleted=True)]
    else:
        chosen = [each for each in workspaces.listed(conn) if each.owner_id == user_id]
    found = [(each, build) for each in chosen for build in builds.listed(conn, each.id, limit=limit)]
    return sorted(found, key=lambda pair: pair[1].created_at, reverse=True)[:limit]


def _one(conn: Connection, user: str, text: str) -> tuple[Build, str, QueueState]:
    from chattool.cli import lookup
    from db import workspaces
    from provisioner import daemons
    from provisioner.settings import ProvisionerSettings

    build = lookup.build(conn, user, text)
    queue = daemons.queue_state(conn, build.job, offline=ProvisionerSettings().daemon_offline)
    return build, _name(workspaces.workspace(conn, build.workspace_id)), queue
