"""A server in a process of its own: ``python -m tests.faults.remote_server URL PORT [PLACE]``.

It answers remote daemons and workspace agents, and reaps. It says ``ready`` when it answers, and ``reached``
when a runner's call comes to PLACE (see ``GatedClient``); there the call stands for ever.
"""

import asyncio
import sys

from db.engine import open_store
from provisioner import reaper
from tests.daemon_server import daemon_server
from tests.faults.remote import SHORT
from tests.integration.provisioner.gates import GatedClient


def say(text: str) -> None:
    print(text, flush=True)  # noqa: T201 - the other end of the pipe waits for it


async def main(url: str, port: str, place: str = "") -> None:
    async with open_store(url, migrate=False) as store:
        client = GatedClient(store, SHORT)
        gate = client.gate(place) if place else None
        async with daemon_server(store, SHORT, port=int(port), jobs=client), asyncio.TaskGroup() as tasks:
            tasks.create_task(reaper.run(store, SHORT))
            say("ready")
            if gate is not None:
                await gate.reached()
                say("reached")
            await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
