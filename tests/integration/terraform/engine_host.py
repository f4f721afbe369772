"""A host of tools on an engine that builds with Terraform."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from chattool.api.endpoint import AgentsEndpoint
from chattool.backend import LogLine
from chattool.engine import Engine, open_engine
from chattool.engine.agents import StoreAgents
from db import builds as db_builds
from db import workspaces
from db.clock import SystemClock
from db.ids import BuildId, JobId, WorkspaceId
from db.records import Job, Template
from db.states import JobStatus, Transition
from provisioner import builds, joblogs
from provisioner.build_requests import BuildRequest, Initiator
from provisioner.provisioners.terraform import TerraformProvisioner
from provisioner.settings import ProvisionerSettings

GUARD_SECONDS = 55


@dataclass
class TerraformEngine:
    """What calls tools, and looks behind them."""

    engine: Engine
    folder: Path

    async def template(self, name: str, module: str, **variables: str) -> Template:
        """A template of one module."""
        folder = self.folder / name
        folder.mkdir(exist_ok=True)
        (folder / "main.tf").write_text(module.replace("OUT", str(self.folder)))
        async with asyncio.timeout(GUARD_SECONDS):
            return await self.engine.push_template(folder, variables=variables)

    async def call(self, tool: str, *, chat: str = "default", **given: object) -> dict[str, Any]:
        toolset = await self.engine.toolset(chat)
        async with asyncio.timeout(GUARD_SECONDS):
            response = await toolset.dispatch(tool, given)
        assert not response.is_error, response.content
        return response.data

    async def consumed(self) -> int:
        quota = await self.engine.backend.quota(
            await self.engine.backend.as_owner(self.engine.user.id),
            self.engine.user.id,
            self.engine.organization.id,
        )
        return quota.credits_consumed

    async def delete(self, workspace_id: str) -> BuildId:
        """Delete as an administrator does, and wait for the end."""
        request = BuildRequest(workspace_id=WorkspaceId(UUID(workspace_id)), transition=Transition.DELETE)
        build_id = await self.engine.store.write(
            builds.create_build, Initiator(id=self.engine.user.id), request
        )
        await self.ended(build_id)
        return build_id

    async def ended(self, build_id: BuildId) -> None:
        async with asyncio.timeout(GUARD_SECONDS):
            with self.engine.backend.build_changes(build_id) as changes:
                while JobStatus((await self.engine.backend.build(build_id)).job.status).active:
                    await changes.wait(timedelta(seconds=1))

    async def job(self, job_id: JobId) -> Job:
        """The job, after its end."""
        async with asyncio.timeout(GUARD_SECONDS):
            with self.engine.store.wakeups.subscribe(joblogs.topic(job_id)) as changes:
                while (job := await self.engine.store.read(db_builds.job, job_id)).status.active:
                    await changes.wait(timedelta(seconds=1))
        return job

    async def log(self, build_id: str) -> Sequence[LogLine]:
        return await self.engine.backend.build_log_tail(BuildId(UUID(build_id)), limit=1000)

    async def deleted(self, workspace_id: str) -> bool:
        found = await self.engine.store.read(workspaces.workspace, WorkspaceId(UUID(workspace_id)))
        return found.deleted


@asynccontextmanager
async def terraform_engine(
    folder: Path, plugin_cache: Path, settings: ProvisionerSettings | None = None, *, program: str = ""
) -> AsyncIterator[TerraformEngine]:
    """An engine on a database in ``folder``, with an endpoint for agents."""
    address: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    async def url() -> str:
        return await address

    provisioner = TerraformProvisioner(
        plugin_cache, SystemClock(), url, program=program, exit_timeout=timedelta(seconds=15)
    )
    database = f"sqlite:///{folder / 'chattool.sqlite3'}"
    async with (
        open_engine(database, provisioners=[provisioner], provisioner_settings=settings) as engine,
        AgentsEndpoint(StoreAgents(engine.store)) as endpoint,
    ):
        address.set_result(endpoint.url)
        yield TerraformEngine(engine, folder)
