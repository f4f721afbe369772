"""A daemon in a process of its own that says on standard output when a build has come to a certain place.

``python -m tests.faults.daemon_process URL PLACE``; ``-`` is no place. There it stands until a line comes
on standard input.
"""

import asyncio
import sys

from db import users
from db.engine import open_store
from provisioner.daemon import Daemon
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreDaemonClient
from tests.integration.provisioner.gates import GatedClient, MarkedEcho


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the other end of the pipe waits for it


async def main(url: str, place: str, name: str) -> None:
    async with open_store(url, migrate=False) as store:
        organization = await store.read(users.organization_by_name, users.DEFAULT_ORGANIZATION)
        assert organization is not None
        # With one slot a runner that stands at its place keeps the daemon from taking the next job.
        slots = 3 if place == "-" else 1
        client = GatedClient(store, ProvisionerSettings(daemon_slots=slots))
        echo = MarkedEcho(store.clock)
        daemon = Daemon(StoreDaemonClient(client, organization.id), [echo], name=name, version="1")
        gate = client.gate(place) if place not in ("-", "apply") else None
        task = asyncio.create_task(daemon.run())
        await daemon.ready.wait()
        say("ready")
        if place == "apply":
            await echo.begun("apply")
            say("reached")
        if gate is not None:
            await gate.reached()
            say("reached")
            await asyncio.to_thread(sys.stdin.readline)
            daemon.drain()
            gate.open()
            await task
            say("ended")
        await task


asyncio.run(main(*sys.argv[1:]))
