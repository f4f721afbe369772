"""The engine as it is measured: one daemon, and a template of the echo provisioner."""

from __future__ import annotations

import json
import tempfile
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING

from chattool import open_engine, wait_for_build
from db import templates
from db.clock import SystemClock
from db.states import Transition
from provisioner import builds
from provisioner.build_requests import BuildRequest, Initiator, WorkspaceRequest
from provisioner.protocol import unsaved
from provisioner.provisioners.echo import EchoProvisioner
from provisioner.settings import ProvisionerSettings

if TYPE_CHECKING:
    import asyncio
    from collections.abc import AsyncIterator, Iterator

    from chattool.engine import Engine
    from db.ids import BuildId, UserId, WorkspaceId
    from db.records import Template
    from provisioner.protocol import ApplyResult, Checkpoint, LogSink, PlanResult, Request

COST = 20
_ALLOWANCE = 10**12
_TEMPLATE = "bench"
# A log line, a state, a resource and an agent: what any real build leaves.
_SCRIPT = {
    "0.parse.json": {"complete": {}},
    "0.plan.json": {"complete": {"cost": COST}},
    "0.apply.json": {"log": {"level": "info", "output": "made it"}},
    "1.apply.json": {
        "complete": {
            "state": "made",
            "resources": [{"type": "machine", "name": "main", "agents": [{"name": "main"}]}],
        }
    },
}


class TimedEcho(EchoProvisioner):
    """Notes when its work on the last build began and ended."""

    def __init__(self) -> None:
        super().__init__(SystemClock())
        self.began_at = self.ended_at = 0.0

    async def plan(
        self, source: Path, request: Request, log: LogSink, interrupt: asyncio.Event
    ) -> PlanResult:
        self.began_at = perf_counter()
        return await super().plan(source, request, log, interrupt)

    async def apply(
        self,
        source: Path,
        request: Request,
        log: LogSink,
        interrupt: asyncio.Event,
        *,
        checkpoint: Checkpoint = unsaved,
    ) -> ApplyResult:
        result = await super().apply(source, request, log, interrupt, checkpoint=checkpoint)
        self.ended_at = perf_counter()
        return result


@dataclass(frozen=True, kw_only=True)
class Bench:
    """An engine with a template, ready to build."""

    engine: Engine
    template: Template
    provisioner: TimedEcho

    async def workspace(self, name: str) -> WorkspaceId:
        """A workspace whose first build is done."""
        workspace_id, build_id = await self.engine.store.write(
            builds.create_workspace, self._initiator, self.request(self.engine.user.id, name)
        )
        await wait_for_build(self.engine.backend, build_id)
        return workspace_id

    def request(self, owner_id: UserId, name: str) -> WorkspaceRequest:
        """A new workspace of the template."""
        return WorkspaceRequest(
            owner_id=owner_id,
            organization_id=self.engine.organization.id,
            template_id=self.template.id,
            name=name,
        )

    async def create_build(self, workspace_id: WorkspaceId) -> BuildId:
        """A start in line for the daemon."""
        request = BuildRequest(workspace_id=workspace_id, transition=Transition.START)
        return await self.engine.store.write(builds.create_build, self._initiator, request)

    async def build(self, workspace_id: WorkspaceId) -> None:
        """One build, from its request to the answer of whoever waits for it."""
        await wait_for_build(self.engine.backend, await self.create_build(workspace_id))

    @property
    def _initiator(self) -> Initiator:
        return Initiator(id=self.engine.user.id)


@asynccontextmanager
async def running(url: str, *, slots: int = 1) -> AsyncIterator[Bench]:
    """An engine on a migrated database, with a daemon of so many slots in this process."""
    provisioner = TimedEcho()
    settings = ProvisionerSettings(daemon_slots=slots)
    async with open_engine(url, provisioners=[provisioner], provisioner_settings=settings) as engine:
        await engine.set_allowance("Everyone", _ALLOWANCE)
        with _template_folder() as folder:
            template = await engine.push_template(folder, name=_TEMPLATE)
        yield Bench(engine=engine, template=template, provisioner=provisioner)


@asynccontextmanager
async def attached(url: str) -> AsyncIterator[Bench]:
    """An engine without a daemon, on a database where ``running`` has pushed the template."""
    async with open_engine(url, run_daemon=False) as engine:
        template = await engine.store.read(templates.by_name, engine.organization.id, _TEMPLATE)
        assert template is not None  # see above
        yield Bench(engine=engine, template=template, provisioner=TimedEcho())


@contextmanager
def _template_folder() -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="chattool-bench-") as name:
        folder = Path(name)
        for script, content in _SCRIPT.items():
            (folder / script).write_text(json.dumps(content), encoding="utf-8")
        yield folder
