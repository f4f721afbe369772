"""``chattool quickstart``: the tour, in a state directory of its own."""

from __future__ import annotations

import asyncio
import shutil
import signal
import tempfile
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import Command, WrongUsage, run

if TYPE_CHECKING:
    from collections.abc import Iterator

_DRAIN_LIMIT = timedelta(seconds=3)


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("quickstart")(quickstart)


def quickstart(
    ctx: typer.Context,
    keep: Annotated[
        bool, typer.Option("--keep", help="Leave database and a running workspace to play with.")
    ] = False,
) -> int:
    """Show the main job from end to end, in a temporary state directory that is removed afterwards.

    Everything runs in this process, with a new SQLite file. --home DIR chooses the directory, and keeps it:

    [cyan]chattool quickstart --keep --home ./playground[/cyan]
    """
    return run(ctx, lambda command: _quickstart(command, keep=keep))


async def _quickstart(command: Command, *, keep: bool) -> None:
    _end_politely()
    # Only a directory that was named by hand: the tour must not move into a state directory in use.
    home = command.options.home if command.options.home_named else None
    keep = keep or home is not None
    with _state_directory(home, keep=keep) as directory:
        with command.screen.out.status("[dim]Opening a new database[/dim]"):
            from chattool.cli.tour import Tour
            from chattool.engine import open_engine
        async with open_engine(
            f"sqlite:///{directory / 'chattool.db'}",
            workspaces=directory / "workspaces",
            drain_limit=_DRAIN_LIMIT,
        ) as engine:
            tour = Tour(engine, command.screen)
            await tour.run(keeps_first=keep)
        if keep:
            tour.say_what_was_kept(directory)
        else:
            tour.say_what_to_try()
    if command.screen.json:
        kept = {"home": str(directory)} if keep else {}
        command.screen.document({"ok": True, **kept, "steps": tour.steps})


@contextmanager
def _state_directory(home: Path | None, *, keep: bool) -> Iterator[Path]:
    """A new state directory; it is gone afterwards, unless all went well and ``keep``.

    Raises:
        WrongUsage: there is something at ``home`` already.
    """
    if home is None:
        directory = Path(tempfile.mkdtemp(prefix="chattool-"))
    else:
        directory = home
        if home.exists() and (not home.is_dir() or any(home.iterdir())):
            raise WrongUsage(f"the quickstart needs a new directory, and {home} is not empty")
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
    done = False
    try:
        yield directory
        done = True
    finally:
        if not (done and keep):
            _remove(directory)


def _remove(directory: Path) -> None:
    from provisioner.provisioners.processes import kill_processes

    for agent in (directory / "workspaces" / ".agents").glob("*"):
        kill_processes(agent.name)
    shutil.rmtree(directory, ignore_errors=True)


def _end_politely() -> None:
    """Let SIGTERM and a closed terminal end the tour as Ctrl-C does, so that it cleans up."""
    task = asyncio.current_task()
    if task is not None:
        for number in (signal.SIGTERM, signal.SIGHUP):
            asyncio.get_running_loop().add_signal_handler(number, task.cancel)
