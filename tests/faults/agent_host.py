"""A host full of workspace agents that report all the time: ``python -m tests.faults.agent_host URL``."""

import asyncio
import sys
from datetime import timedelta

from sqlalchemy import select

from db import agents
from db.engine import open_store
from db.ids import AgentId
from db.states import AgentLifecycle, LogLevel
from db.tables import workspace_agents
from db.transactions import Connection

PAUSE = timedelta(milliseconds=10)
LIVING = select(workspace_agents.c.id).where(~workspace_agents.c.deleted)


def report(conn: Connection, agent_id: AgentId) -> None:
    agents.record_contact(conn, agent_id)
    agents.record_lifecycle(conn, agent_id, AgentLifecycle.READY)
    agents.append_logs(conn, agent_id, [(LogLevel.INFO, "working")])


async def main(url: str) -> None:
    async with open_store(url, migrate=False) as store:
        print("ready", flush=True)  # noqa: T201 - the other end of the pipe waits for it
        while True:
            for row in await store.read(lambda conn: conn.rows(LIVING)):
                await store.write(report, row.id)
                await store.clock.sleep(PAUSE)
            await store.clock.sleep(PAUSE)


asyncio.run(main(*sys.argv[1:]))
