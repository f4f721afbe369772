"""``chattool engine``: the background engine of the state directory."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import FAILED, OK, Command, WrongUsage, run
from chattool.cli.options import Options

if TYPE_CHECKING:
    from chattool.background import EngineStatus

app = typer.Typer(
    help="The background engine, which builds and serves workspaces. It starts by itself.",
    no_args_is_help=True,
)


@app.command()
def status(ctx: typer.Context) -> int:
    """Tell whether the background engine of the state directory runs."""
    return run(ctx, _status)


@app.command()
def stop(ctx: typer.Context) -> int:
    """End the background engine when its builds have ended. Workspaces go on."""
    return run(ctx, _stop)


@app.command("run")
def run_engine(
    ctx: typer.Context,
    foreground: Annotated[
        bool, typer.Option("--foreground", help="Be the engine, and log to this terminal.")
    ] = False,
) -> int:
    """Start the background engine now, or be it.

    Example: [cyan]chattool engine run --foreground[/cyan]
    """
    if not foreground:
        return run(ctx, _start)
    from chattool.background.command import main

    return main(["--home", str(ctx.ensure_object(Options).home), "--foreground"])


async def _status(command: Command) -> None:
    from chattool import background

    _check_local(command)
    found = background.status(command.options.home)
    command.screen.show(_document(command, found), _text(command, found))


async def _start(command: Command) -> None:
    from chattool import background

    _check_local(command)
    found = await background.ensure(command.options.home)
    command.screen.show(_document(command, found), _text(command, found))


async def _stop(command: Command) -> int:
    from chattool import background
    from chattool.background import StopOutcome

    _check_local(command)
    outcome = await background.stop(command.options.home)
    said = {
        StopOutcome.NOT_RUNNING: "The background engine was not running.",
        StopOutcome.DRAINED: "The background engine has ended. Workspaces go on.",
        StopOutcome.CANCELED: "The background engine has ended; builds that ran too long were interrupted.",
    }
    command.screen.show({"outcome": outcome}, said[outcome])
    return FAILED if outcome is StopOutcome.CANCELED else OK


def _check_local(command: Command) -> None:
    if command.options.server is not None:
        raise WrongUsage("the background engine belongs to a state directory; the server at --url has none")


def _document(command: Command, found: EngineStatus) -> dict[str, object]:
    present = {name: value for name, value in asdict(found).items() if value is not None}
    return {"home": str(command.options.home), **present}


def _text(command: Command, found: EngineStatus) -> str:
    if not found.running:
        return f"No engine runs for {command.options.home}; one starts when it is needed."
    return (
        f"The background engine of {command.options.home} runs "
        f"(process {found.pid}, {found.phase}, version {found.version}).\nIts log: {found.log}"
    )
