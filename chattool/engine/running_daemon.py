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

from chattool.engine.chats import forget_old_calls
from chattool.engine.local_agents import local_agents
from db.engine import sqlite_path
from provisioner import autostop, reaper, tags
from provisioner.daemon import Daemon
from provisioner.provisioners.echo import EchoProvisioner
from provisioner.provisioners.terraform import TerraformProvisioner
from provisioner.store_client import StoreClient, StoreDaemonClient

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Iterable, Mapping

    from db.ids import OrganizationId
    from db.transactions import Store
    from provisioner.protocol import Provisioner
    from provisioner.settings import ProvisionerSettings


@dataclass(frozen=True, kw_only=True)
class RunningDaemon:
    """A registered daemon."""

    daemon: Daemon
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
) -> AsyncIterator[RunningDaemon]:
    """A daemon with reaper, autostop and, for workspaces on this machine, the agents' endpoint.

    ``provisioners`` are by default echo, local and terraform. ``name`` is by default that of host and
    process. At the end the daemon drains within ``settings.drain_limit``; ``daemon.cancel()`` cuts it short.
    """
    async with AsyncExitStack() as stack:
        agents_url = None
        if provisioners is None:
            local = await stack.enter_async_context(local_agents(store, workspaces, settings))
            terraform = TerraformProvisioner(
                workspaces / ".terraform-plugins",
                store.clock,
                local.url,
                program=settings.terraform_program,
                exit_timeout=settings.exit_timeout,
                plugin_cache_age=settings.plugin_cache_age,
                server_url_file=local.url_file,
            )
            provisioners = [EchoProvisioner(store.clock), local.provisioner, terraform]
            agents_url = local.url
        daemon = Daemon(
            StoreDaemonClient(StoreClient(store, settings), organization_id),
            provisioners,
            name=name or f"{socket.gethostname()}-{os.getpid()}",
            version=version("chattool"),
            daemon_tags=daemon_tags,
        )
        ended = await stack.enter_async_context(_working(daemon))
        await stack.enter_async_context(_in_background(reaper.run(store, settings)))
        await stack.enter_async_context(_in_background(autostop.run(store)))
        await stack.enter_async_context(_in_background(forget_old_calls(store)))
        yield RunningDaemon(daemon=daemon, ended=ended, agents_url=agents_url)


def default_workspaces(url: str) -> Path:
    """Where local workspaces live by default: beside the SQLite file, else in the home directory."""
    path = sqlite_path(url)
    return path.parent / "workspaces" if path is not None else Path.home() / ".chattool" / "workspaces"


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


@asynccontextmanager
async def _in_background(work: Coroutine[object, object, None]) -> AsyncIterator[None]:
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
