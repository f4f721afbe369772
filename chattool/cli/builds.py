"""``chattool builds``."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import FAILED, INTERRUPTED, OK, Command, report, run
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from chattool.cli.operations import Build, Operations
    from db.ids import BuildId
    from db.records import JobLog

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


async def watch(command: Command, operations: Operations, build_id: BuildId, *, wait: bool = True) -> int:
    """Show a build live until it ends; the exit code says how it ended. Ctrl-C ends only the watching."""
    from chattool.cli import documents
    from chattool.cli.build_view import BuildView, ending

    if wait:
        try:
            with BuildView(command.screen, debug=command.options.debug) as view:
                build = await view.follow(operations, build_id)
        except asyncio.CancelledError:
            return left_building(command, build_id)
    else:
        build = await operations.build_by_id(build_id)
    text, style = ending(build)
    if command.screen.json:
        command.screen.document(documents.build(build))
    else:
        command.screen.line(text, style=style)
    return _exit_code(build)


def left_building(command: Command, build_id: BuildId) -> int:
    """Say that Ctrl-C has ended the watching alone; returns the exit code."""
    text = f"The build goes on. Watch it with: chattool builds logs {build_id} --follow"
    command.screen.note(text)
    return report(
        command.screen, "interrupted", "INTERRUPTED", INTERRUPTED, build_id=str(build_id), message=text
    )


async def _list(command: Command, workspace: str | None, limit: int) -> None:
    from chattool.cli import documents
    from chattool.cli.build_view import duration_text
    from chattool.cli.session import open_operations
    from chattool.cli.workspaces import age_text
    from db.clock import SystemClock

    async with open_operations(command.options) as operations:
        found = await operations.builds(workspace, limit=limit)
    now = SystemClock().now()
    command.screen.show(
        [documents.build(build) for build in found],
        Table(
            columns=("build", "transition", "status", "credits", "took", "age", "error"),
            rows=[
                (
                    _number(build),
                    build.transition,
                    build.job.status,
                    build.daily_cost,
                    duration_text(build.job.started_at, build.job.completed_at).removeprefix(" in "),
                    age_text(build.created_at, now),
                    build.job.error_code or build.job.error,
                )
                for build in found
            ],
            numbers=frozenset({"credits", "took", "age"}),
            empty="No builds yet.",
        ),
    )


async def _show(command: Command, text: str) -> None:
    from chattool.cli import documents
    from chattool.cli.build_view import ending, printable
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        build = await operations.build(text)
    job, queue = build.job, build.queue
    line, style = ending(build)
    facts: list[tuple[str, object]] = [
        ("build", _number(build)),
        ("id", build.id),
        ("transition", build.transition),
        ("status", job.status),
        ("stage", job.stage),
        ("queue", f"{queue.position} of {queue.size}" if queue and queue.position else None),
        ("cost asked", build.planned_cost),
        ("charged", build.daily_cost),
        ("parameters", ", ".join(f"{name}={value}" for name, value in build.parameters.items())),
        ("error", printable(job.error) if job.error else None),
        ("error code", job.error_code),
        ("reason", job.failure_reason),
    ]
    command.screen.show(
        documents.build(build),
        command.screen.facts((fact, value) for fact, value in facts if value not in (None, "")),
    )
    command.screen.line(line, style=style)


async def _logs(command: Command, text: str, *, follow: bool) -> int:
    from chattool.cli import documents
    from chattool.cli.build_view import is_shown, printable
    from chattool.cli.session import open_operations
    from db.states import LogSource

    lines: list[JobLog] = []
    async with open_operations(command.options) as operations:
        build = await operations.build(text)
        if follow and not command.screen.json:
            return await watch(command, operations, build.id)
        async for report in operations.build_reports(build.id):
            build = report.build
            lines += report.lines
            if not follow and not report.has_more:
                break
    if command.screen.json:
        document = documents.build(build)
        command.screen.document({**document, "lines": [documents.log_line(line) for line in lines]})
    for line in lines:
        if is_shown(line, debug=command.options.debug):
            heading = line.source is LogSource.PROVISIONER_DAEMON and line.output == line.stage
            said = printable(line.output) if heading else f"  {printable(line.output)}"
            command.screen.line(f"{line.created_at:%H:%M:%S} {line.level:<5} {said}")
    return _exit_code(build) if follow else OK


async def _cancel(command: Command, text: str) -> None:
    from chattool.cli.session import open_operations
    from db.errors import RequestError
    from db.states import JobStatus

    async with open_operations(command.options) as operations:
        build = await operations.build(text)
        try:
            status = await operations.cancel_build(build.id)
        except RequestError as error:
            now = (await operations.build_by_id(build.id)).job.status
            if now.active:
                raise
            message = f"{_number(build)} has ended already: {now}"
            raise RequestError(error.status_code, message) from error
    said = "was canceled" if status is JobStatus.CANCELED else "is being canceled"
    command.screen.show(
        {
            "id": build.id,
            "workspace": build.workspace_name,
            "build_number": build.build_number,
            "status": status,
        },
        f"{_number(build)} {said}.",
    )


def _exit_code(build: Build) -> int:
    from db.states import JobStatus

    return FAILED if build.job.status in (JobStatus.FAILED, JobStatus.CANCELED) else OK


def _number(build: Build) -> str:
    return f"{build.workspace_name}#{build.build_number}"
