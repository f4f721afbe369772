"""``chattool daemon``: works on builds until a signal ends it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import WrongUsage, reported
from chattool.cli.options import Options
from chattool.cli.screen import Screen
from chattool.cli.session import check_url

if TYPE_CHECKING:
    from collections.abc import Mapping


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("daemon")(daemon)


def daemon(
    ctx: typer.Context,
    slots: Annotated[int, typer.Option(min=1, max=1000, help="How many builds at once.")] = 3,
    name: Annotated[
        str | None, typer.Option(help="Name of this daemon.", show_default="host and process id")
    ] = None,
    tag: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KEY=VALUE",
            help="Take builds of templates with such tags only; may be repeated.",
            show_default=False,
        ),
    ] = None,
    drain_limit: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long running builds may take after SIGTERM.")
    ] = 1800,
    workspaces: Annotated[
        Path | None,
        typer.Option(help="Where local workspaces live.", show_default="a folder beside the SQLite file"),
    ] = None,
) -> int:
    """Work on builds until a signal ends it; logs to standard error.

    SIGTERM: takes no more builds and finishes those that run. SIGINT, or SIGTERM again: interrupts them.
    The exit code is 1 when builds were interrupted.

    [cyan]chattool daemon --url postgresql://me@db/chattool --slots 10[/cyan]
    """
    from chattool.daemon_process import run_daemon
    from chattool.event_log import log_events
    from provisioner import tags
    from provisioner.settings import ProvisionerSettings

    options = ctx.ensure_object(Options)
    screen = Screen(json=options.json)
    try:
        check_url(options)
        daemon_tags = {**tags.UNTAGGED, **_tags(tag or [])}
        log_events()
        return asyncio.run(
            run_daemon(
                options.database,
                workspaces=workspaces or (None if options.url else options.home / "workspaces"),
                name=name,
                daemon_tags=daemon_tags,
                settings=ProvisionerSettings(daemon_slots=slots, drain_limit=timedelta(seconds=drain_limit)),
            )
        )
    except Exception as error:  # noqa: BLE001 - the last place that can make one line of it
        return reported(screen, error, debug=options.debug)


def _tags(pairs: list[str]) -> Mapping[str, str]:
    found: dict[str, str] = {}
    for pair in pairs:
        key, separator, value = pair.partition("=")
        if not separator or not key:
            raise WrongUsage(f"--tag takes key=value, not {pair!r}")
        found[key] = value
    return found
