"""A daemon process that waits for its start: ``python -m tests.bench.fleet.daemon URL NAME SLOTS``.

It says ``ready`` when everything is loaded, begins when a line comes, and ends when its input does.
"""

from __future__ import annotations

import asyncio
import sys

from db import users
from db.engine import open_store
from provisioner.daemon import Daemon
from provisioner.provisioners.echo import EchoProvisioner
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient, StoreDaemonClient


async def _main(url: str, name: str, slots: str) -> None:
    settings = ProvisionerSettings(daemon_slots=int(slots))
    async with open_store(url, migrate=False) as store:
        organization = await store.write(users.ensure_organization)
        client = StoreDaemonClient(StoreClient(store, settings), organization.id)
        daemon = Daemon(client, [EchoProvisioner(store.clock)], name=name, version="bench")
        print("ready", flush=True)  # noqa: T201 - for the process that started this one
        await asyncio.to_thread(sys.stdin.readline)
        task = asyncio.create_task(daemon.run())
        await asyncio.to_thread(sys.stdin.read)
        daemon.cancel()
        await task


if __name__ == "__main__":
    asyncio.run(_main(*sys.argv[1:]))
