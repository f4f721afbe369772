"""``chattool server``: answers the HTTP API until a signal ends it."""

from __future__ import annotations

import asyncio
import ipaddress
import os
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from chattool.cli.command import WrongUsage, reported
from chattool.cli.options import Options
from chattool.cli.screen import Screen
from chattool.cli.session import check_database, check_upkeep


def register(app: typer.Typer) -> None:
    """Add the command to ``app``."""
    app.command("server")(server)


def server(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="Address to answer on; 0.0.0.0 is every network.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0 lets the system choose.")] = 8420,
    external_url: Annotated[
        str,
        typer.Option(
            envvar="CHATTOOL_EXTERNAL_URL",
            help="Where users and workspace agents reach it, when that is not host and port.",
            show_default="http://HOST:PORT",
        ),
    ] = "",
    slots: Annotated[
        int,
        typer.Option(
            min=0, max=1000, help="How many builds it works on itself; 0 leaves them to chattool daemon."
        ),
    ] = 3,
    drain_limit: Annotated[
        float, typer.Option(min=0, metavar="SECONDS", help="How long running builds may take after SIGTERM.")
    ] = 1800,
    trusted_proxies: Annotated[
        str,
        typer.Option(
            metavar="ADDRESSES",
            help="Proxies in front whose X-Forwarded-For is believed, by commas; * for all.",
            show_default="none",
        ),
    ] = "",
    workspaces: Annotated[
        Path | None,
        typer.Option(help="Where local workspaces live.", show_default="a folder beside the SQLite file"),
    ] = None,
) -> int:
    """Answer the HTTP API, for agents and people on other machines; logs to standard error.

    A new server has no users. It logs a set-up code (or takes CHATTOOL_SETUP_CODE); with it, or by
    [cyan]chattool users first NAME[/cyan] on this host, you become its owner and get a token.

    /metrics answers scrapers on this host, or with CHATTOOL_METRICS_TOKEN those that send it as bearer token.

    Any number of servers may share one PostgreSQL. Put a proxy that speaks TLS in front of it.
    SIGTERM finishes answers and builds; SIGINT, or SIGTERM again, interrupts builds.

    [cyan]chattool server --url postgresql://me@db/chattool --slots 0[/cyan]
    """
    from chattool.event_log import log_events
    from chattool.setup_code import VARIABLE
    from provisioner.settings import ProvisionerSettings

    options = ctx.ensure_object(Options)
    screen = Screen(json=options.json)
    try:
        check_database(options)
        check_upkeep()
        _check_external(external_url)
        _check_proxies(trusted_proxies)
        log_events()
        # Loads the web framework, so only when nothing is wrong.
        from chattool.server_process import ServerSettings, run_server

        return asyncio.run(
            run_server(
                ServerSettings(
                    url=options.database,
                    host=host,
                    port=port,
                    external_url=external_url,
                    slots=slots,
                    workspaces=workspaces or (None if options.url else options.home / "workspaces"),
                    trusted_proxies=trusted_proxies,
                    setup_code=os.environ.get(VARIABLE, ""),
                    metrics_token=os.environ.get("CHATTOOL_METRICS_TOKEN", ""),
                    provisioner=ProvisionerSettings(drain_limit=timedelta(seconds=drain_limit)),
                )
            )
        )
    except Exception as error:  # noqa: BLE001 - the last place that can make one line of it
        return reported(screen, error, debug=options.debug)


def _check_proxies(text: str) -> None:
    """Uvicorn would take anything else for the name of a client, and trust nobody."""
    if text in ("", "*"):
        return
    for entry in text.split(","):
        try:
            ipaddress.ip_network(entry.strip())
        except ValueError as error:
            wanted = "an address, a network such as 10.0.0.0/8, or * alone"
            raise WrongUsage(f"--trusted-proxies takes {wanted}, not {entry.strip()!r}") from error


def _check_external(url: str) -> None:
    if url and not url.startswith(("http://", "https://")):
        raise WrongUsage(f"--external-url begins with http:// or https://, not {url!r}")
