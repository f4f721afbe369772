"""A daemon at work in this event loop, with all that has to run beside it."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from chattool.engine.local_agents import local_agents
from chattool.engine.upkeep import upkeep
from db.engine import sqlite_path
from provisioner import tags
from provisioner.daemon import Daemon
from provisioner.provisioners.echo import EchoProvisioner
from provisioner.provisioners.terraform import TerraformProvisioner
from provisioner.store_client import StoreClient, StoreDaemonClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping

    from db.ids import DaemonId, OrganizationId
    from db.transactions import Store
    from provisioner.protocol import Provisioner
    from provisioner.settings import ProvisionerSettings


@dataclass(frozen=True, kw_only=True)
class RunningDaemon:
    """A registered daemon."""

    daemon: Daemon
    daemon_id: DaemonId | None
    ended: asyncio.Task[None]
    """Done when the daemon has ended; an error in it is a mistake of ours."""
    agents_url: Callable[[], Awaitable[str]] | None
    """Waits for the agents' endpoint; ``None`` when the caller brought provisioners of its own."""


@asynccontextmanager
async def running_daemon(
    store: Store,
    organization_id: OrganizationId,
    *,
    settings: ProvisionerSettings,
    workspaces: Path,
    provisioners: Iterable[Provisioner] | None = None,
    name: str | None = None,
    daemon_tags: Mapping[str, str] = tags.UNTAGGED,
    server_url: str = "",
) -> AsyncIterator[RunningDaemon]:
    """A daemon with upkeep and, for workspaces on this machine, the agents' endpoint.

    ``provisioners`` are by default echo, local and terraform. ``name`` is by default that of host and
    process. ``server_url`` is where the agents of Terraform's workspaces report, if not here. At the end the
    daemon drains within ``settings.drain_limit``; ``daemon.cancel()`` cuts it short.
    """
    async with AsyncExitStack() as stack:
        agents_url = None
        if provisioners is None:
            local = await stack.enter_async_context(
                local_agents(store, organization_id, workspaces, settings)
            )
            terraform = TerraformProvisioner(
                workspaces / ".terraform-plugins",
                store.clock,
                _known(server_url) if server_url else local.url,
                program=settings.terraform_program,
                exit_timeout=settings.exit_timeout,
                plugin_cache_age=settings.plugin_cache_age,
                server_url_file=None if server_url else local.url_file,
            )
            provisioners = [EchoProvisioner(store.clock), local.provisioner, terraform]
            agents_url = local.url
        client = StoreDaemonClient(StoreClient(store, settings), organization_id)
        daemon = Daemon(
            client,
            provisioners,
            name=name or f"{socket.gethostname()}-{os.getpid()}",
            version=version("chattool"),
            daemon_tags=daemon_tags,
        )
        ended = await stack.enter_async_context(_working(daemon))
        await stack.enter_async_context(upkeep(store, settings))
        yield RunningDaemon(daemon=daemon, daemon_id=client.daemon_id, ended=ended, agents_url=agents_url)


def default_workspaces(url: str) -> Path:
    """Where local workspaces live by default: beside the SQLite file, else in the home directory."""
    path = sqlite_path(url)
    return path.parent / "workspaces" if path is not None else Path.home() / ".chattool" / "workspaces"


def _known(url: str) -> Callable[[], Awaitable[str]]:
    async def known() -> str:
        return url

    return known


@asynccontextmanager
async def _working(daemon: Daemon) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(daemon.run(), name="chattool-daemon")
    ready = asyncio.create_task(daemon.ready.wait())
    try:
        await asyncio.wait({task, ready}, return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            task.result()
        yield task
    finally:
        ready.cancel()
        daemon.drain()
        await task
