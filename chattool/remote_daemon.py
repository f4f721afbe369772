"""A process that is a remote daemon: it knows a server and a key, and no database."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from importlib.metadata import version
from typing import TYPE_CHECKING

from chattool.end_signals import EndSignals
from db.clock import SystemClock
from provisioner import tags
from provisioner.daemon import Daemon
from provisioner.http_client import HttpDaemonClient, most_calls
from provisioner.http_connection import HttpConnection
from provisioner.provisioners.echo import EchoProvisioner
from provisioner.provisioners.local import LocalProvisioner
from provisioner.provisioners.terraform import TerraformProvisioner

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from db.clock import Clock
    from provisioner.protocol import Provisioner
    from provisioner.settings import ProvisionerSettings

log = logging.getLogger(__name__)


async def run_remote_daemon(
    url: str,
    key: str,
    *,
    workspaces: Path,
    settings: ProvisionerSettings,
    name: str | None = None,
    daemon_tags: Mapping[str, str] = tags.UNTAGGED,
    ca_file: Path | None = None,
    clock: Clock | None = None,
) -> int:
    """Work for the server at ``url`` until a signal ends it; the exit code, as of ``run_daemon``.

    A server that is away is waited for. Its time is never compared with that of ``clock``.

    Raises:
        ValueError: the URL is none.
        DaemonRefused: the server does not accept the key, or no longer.
        RequestError: the server does not accept the daemon; the text says why.
        OSError: ``ca_file`` cannot be read.
    """
    clock = clock or SystemClock()
    signals = EndSignals()
    connection = HttpConnection(
        url,
        key,
        most_calls=most_calls(settings),
        call_timeout=settings.daemon_call_timeout,
        ca_file=ca_file,
    )
    with signals.handled():
        async with connection:
            daemon = Daemon(
                HttpDaemonClient(connection, settings, clock),
                _provisioners(connection.url, workspaces, settings, clock, ca_file),
                name=name or f"{socket.gethostname()}-{os.getpid()}",
                version=version("chattool"),
                daemon_tags=daemon_tags,
            )
            signals.reach(daemon)
            announcing = asyncio.create_task(_announce(daemon, connection))
            try:
                await daemon.run()
            finally:
                announcing.cancel()
    log.info("the daemon has ended", extra={"action": "end", "interrupted": signals.interrupted})
    return 1 if signals.interrupted else 0


async def _announce(daemon: Daemon, connection: HttpConnection) -> None:
    await daemon.ready.wait()
    facts = {**daemon.facts, "daemon_id": str(connection.daemon_id)}
    log.info("the daemon is ready", extra={"action": "ready", "server": connection.url, **facts})


def _provisioners(
    url: str, workspaces: Path, settings: ProvisionerSettings, clock: Clock, ca_file: Path | None
) -> list[Provisioner]:
    """All that we have; their agents report to the server."""

    async def server() -> str:
        return url

    local = LocalProvisioner(
        workspaces, clock, server, exit_timeout=settings.exit_timeout, server_ca_file=ca_file
    )
    terraform = TerraformProvisioner(
        workspaces / ".terraform-plugins",
        clock,
        server,
        program=settings.terraform_program,
        exit_timeout=settings.exit_timeout,
        plugin_cache_age=settings.plugin_cache_age,
    )
    return [EchoProvisioner(clock), local, terraform]
