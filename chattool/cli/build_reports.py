"""Following a build: what is new about it, as it happens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from db import agents, builds
from db.states import AgentLifecycle
from provisioner import daemons
from provisioner.settings import ProvisionerSettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from db.ids import AgentId, BuildId
    from db.records import Build, JobLog
    from db.transactions import Connection, Store
    from provisioner.daemons import QueueState

_LINES = 400
_POLL = timedelta(seconds=2)
_AT_WORK = frozenset({AgentLifecycle.CREATED, AgentLifecycle.STARTING})
_DEFAULTS = ProvisionerSettings()


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """A build as it stands, and the lines of its log that are new."""

    build: Build
    queue: QueueState
    lines: Sequence[JobLog]

    @property
    def has_more(self) -> bool:
        """Whether more lines are there already."""
        return len(self.lines) == _LINES


async def build_reports(store: Store, build_id: BuildId) -> AsyncIterator[BuildReport]:
    """What happens to the build, from its beginning to its end."""
    after = 0
    with store.wakeups.subscribe(builds.topic(build_id)) as changes:
        while True:
            report = await store.read(_report, build_id, after)
            yield report
            if report.lines:
                after = report.lines[-1].id
            if report.has_more:
                continue
            if not report.build.job.status.active:
                return
            await changes.wait(_POLL)


async def startup_lines(store: Store, build_id: BuildId) -> AsyncIterator[tuple[str, str]]:
    """Agent and text of each line that start-up scripts of the build print, until the scripts have ended."""
    found = await store.read(agents.of_build, build_id)
    after: dict[AgentId, int] = dict.fromkeys((agent.id for agent in found), 0)
    with store.wakeups.subscribe(*map(agents.topic, after)) as changes:
        at_work = bool(after)
        while at_work:
            # Read the state before the lines: an agent sends its last line before it says that it is ready.
            states = {agent.id: agent for agent in await store.read(agents.of_build, build_id)}
            at_work = any(agent.lifecycle_state in _AT_WORK for agent in states.values())
            for agent in found:
                lines = await store.read(agents.logs, agent.id, after=after[agent.id])
                for line in lines:
                    after[agent.id] = line.id
                    yield agent.name, line.output
            if at_work:
                await changes.wait(_POLL)


def _report(conn: Connection, build_id: BuildId, after: int) -> BuildReport:
    build = builds.build(conn, build_id)
    return BuildReport(
        build=build,
        queue=daemons.queue_state(conn, build.job, offline=_DEFAULTS.daemon_offline),
        lines=builds.logs(conn, build.job.id, after=after, limit=_LINES),
    )
