"""A process with many who wait: ``python -m tests.bench.fleet.idle URL DAEMONS TOOLS SECONDS``.

It says which part of a core it used while nothing happened.
"""

from __future__ import annotations

import asyncio
import os
import sys
from datetime import timedelta
from time import perf_counter, process_time

from chattool import wait_for_build
from chattool.engine.upkeep import upkeep
from db.clock import SystemClock
from provisioner import builds
from provisioner.acquirer import Acquirer
from provisioner.build_requests import Initiator
from provisioner.daemon import Daemon
from provisioner.provisioners.echo import EchoProvisioner
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient, StoreDaemonClient
from tests.bench import engine

_SETTLE = timedelta(seconds=3)
_NOBODY = {"owner": "", "scope": "organization", "nobody": "has this"}
_clock = SystemClock()


async def _main(url: str, daemons: int, tools: int, seconds: float) -> None:
    async with engine.attached(url) as bench, asyncio.TaskGroup() as tasks:
        store, settings = bench.engine.store, ProvisionerSettings()
        owner = Initiator(id=bench.engine.user.id)
        waiting = [
            (await store.write(builds.create_workspace, owner, bench.request(owner.id, f"idle-{number}")))[1]
            for number in range(tools)
        ]
        for build_id in waiting:  # nobody takes them, since every daemon here has other tags
            wait = wait_for_build(bench.engine.backend, build_id, timeout=timedelta(hours=1))
            tasks.create_task(wait)
        jobs = StoreClient(store, settings)
        acquirer = Acquirer(store.wakeups, store.clock, settings.acquire_poll)
        for number in range(daemons):
            daemon = Daemon(
                StoreDaemonClient(jobs, bench.engine.organization.id, acquirer=acquirer),
                [EchoProvisioner(store.clock)],
                name=f"idle-{number}",
                version="bench",
                daemon_tags=_NOBODY,
            )
            tasks.create_task(daemon.run())
        async with upkeep(store, settings):
            await _clock.sleep(_SETTLE)
            began, used = perf_counter(), process_time()
            await _clock.sleep(timedelta(seconds=seconds))
            print((process_time() - used) / (perf_counter() - began), flush=True)  # noqa: T201 - the result
        os._exit(0)  # nothing to save: the database is dropped next, and the waits would last an hour


if __name__ == "__main__":
    asyncio.run(_main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), float(sys.argv[4])))
