"""A host that asks for many workspaces at once: ``python -m tests.faults.creating_host URL NAME COUNT``.

It says ``ready``, begins when a line comes on standard input, and says ``asked`` when all are in line.
"""

import asyncio
import sys

from db import templates, users
from db.engine import open_store
from provisioner import builds
from provisioner.build_requests import WorkspaceRequest
from tests.scenario import initiator


async def main(url: str, name: str, count: str) -> None:
    async with open_store(url, migrate=False) as store:
        organization, owner = await store.write(users.ensure_owner, "ana")
        template = await store.read(templates.by_name, organization.id, "echo")
        assert template is not None

        async def create(number: int) -> None:
            request = WorkspaceRequest(
                owner_id=owner.id,
                organization_id=organization.id,
                template_id=template.id,
                name=f"{name}-{number}",
            )
            await store.write(builds.create_workspace, initiator(owner), request)

        print("ready", flush=True)  # noqa: T201 - the other end of the pipe waits for it
        await asyncio.to_thread(sys.stdin.readline)
        await asyncio.gather(*(create(number) for number in range(int(count))))
        print("asked", flush=True)  # noqa: T201 - the other end of the pipe waits for it


asyncio.run(main(*sys.argv[1:]))
