"""``chattool daemon``: works on builds until a signal ends it."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from chattool.cli.command import WrongUsage, named_values, reported
from chattool.cli.options import Options
from chattool.cli.screen import Screen
from chattool.cli.session import check_database, check_server, check_upkeep

_LONGEST_NAME = 200  # what servers accept


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
        typer.Option(
            help="Where local workspaces live.",
            show_default="a folder beside the SQLite file, or in the state directory",
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option(
            envvar="CHATTOOL_DAEMON_KEY",
            help="Key for the server; others on this machine can read it here, so prefer the other ways.",
            show_default=False,
        ),
    ] = None,
    key_file: Annotated[
        Path | None,
        typer.Option(
            help="File that holds the key for the server.",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default=False,
        ),
    ] = None,
    ca_file: Annotated[
        Path | None,
        typer.Option(
            help="Certificate authorities to trust for the server, as PEM.",
            exists=True,
            dir_okay=False,
            readable=True,
            show_default="the system's",
        ),
    ] = None,
) -> int:
    """Work on builds until a signal ends it; logs to standard error.

    With --url of a database it works on that; with --url of a server it needs only a key
    (chattool keys create), and never sees the database.

    SIGTERM: takes no more builds and finishes those that run. SIGINT, or SIGTERM again: interrupts them.
    The exit code is 1 when builds were interrupted.

    [cyan]chattool daemon --url postgresql://me@db/chattool --slots 10[/cyan]

    [cyan]chattool daemon --url https://chattool.example --key-file daemon.key --tag gpu=yes[/cyan]
    """
    from chattool.event_log import log_events
    from provisioner import tags
    from provisioner.settings import ProvisionerSettings

    options = ctx.ensure_object(Options)
    screen = Screen(json=options.json)
    try:
        remote = options.server is not None
        if not remote:
            _check_database(options, key_file, ca_file)
        _check_name(name)
        daemon_tags = {**tags.UNTAGGED, **named_values("--tag", tag or [])}
        settings = ProvisionerSettings(daemon_slots=slots, drain_limit=timedelta(seconds=drain_limit))
        log_events()
        if remote:
            _check_ca_file(ca_file)
            from chattool.remote_daemon import run_remote_daemon

            return asyncio.run(
                run_remote_daemon(
                    check_server(options),
                    _secret(key, key_file),
                    workspaces=workspaces or options.home / "workspaces",
                    name=name,
                    daemon_tags=daemon_tags,
                    settings=settings,
                    ca_file=ca_file and ca_file.absolute(),  # agents read it, too, and run elsewhere
                )
            )
        from chattool.daemon_process import run_daemon

        return asyncio.run(
            run_daemon(
                options.database,
                workspaces=workspaces or (None if options.url else options.home / "workspaces"),
                name=name,
                daemon_tags=daemon_tags,
                settings=settings,
            )
        )
    except Exception as error:  # noqa: BLE001 - the last place that can make one line of it
        return reported(screen, error, debug=options.debug)


def _check_database(options: Options, key_file: Path | None, ca_file: Path | None) -> None:
    check_database(options)
    check_upkeep()
    # A key in the environment may be for another daemon of this machine.
    if key_file is not None or ca_file is not None:
        raise WrongUsage("--key-file and --ca-file belong to the --url of a server, https://…")


def _check_name(name: str | None) -> None:
    if name is not None and not (name.isprintable() and 1 <= len(name) <= _LONGEST_NAME):
        raise WrongUsage(f"--name takes 1 to {_LONGEST_NAME} printable characters")


def _check_ca_file(path: Path | None) -> None:
    import ssl

    try:
        ssl.create_default_context(cafile=path)
    except ssl.SSLError as error:
        raise WrongUsage(f"--ca-file: {path} holds no certificates as PEM") from error


def _secret(key: str | None, key_file: Path | None) -> str:
    """The daemon's key, from wherever it was given."""
    if key_file is not None:
        key = key_file.read_text(encoding="utf-8")
    key = (key or "").strip()
    if not key:
        raise WrongUsage(
            "a server wants a key: --key-file FILE, CHATTOOL_DAEMON_KEY or --key; "
            "make one where the database is: chattool keys create NAME"
        )
    if not key.isascii() or not key.isprintable() or " " in key:
        raise WrongUsage("the daemon's key is no key: it has other characters than those of one word")
    return key
