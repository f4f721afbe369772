"""A small organization on an open store, with daemons that the test plays by hand."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Self

from db import builds as build_reads
from db import templates, users, workspaces
from db.ids import BuildId, FileId, GroupId, JobId, OrganizationId, TemplateId, TemplateVersionId, WorkspaceId
from db.records import Build, Job, JobLog, TemplateVersion, User, Workspace
from db.states import JobStatus, ProvisionerType, Transition
from db.transactions import Store
from provisioner import builds, cancel, imports, reaper, tags
from provisioner.build_requests import BuildRequest, Initiator, WorkspaceRequest
from provisioner.jobs import Imported
from provisioner.protocol import Parameter, ParseResult, PlanResult, Preset
from provisioner.settings import ProvisionerSettings
from provisioner.store_client import StoreClient
from quota import WorkspaceQuota, workspace_quota
from quota.check import Drift, drifts
from tests.played_daemon import PlayedDaemon, PlayedRun


def initiator(user: User) -> Initiator:
    """The user as one who asks for builds."""
    return Initiator(id=user.id, roles=user.roles)


@dataclass(kw_only=True)
class Scenario:
    """One organization, its administrator, and an imported template."""

    store: Store
    client: StoreClient
    organization_id: OrganizationId
    user: User
    template_id: TemplateId
    daemon: PlayedDaemon
    _names: int = 0

    @classmethod
    async def on(
        cls, store: Store, *, allowance: int = 40, settings: ProvisionerSettings | None = None
    ) -> Self:
        """A scenario whose members have a budget of ``allowance``."""
        client = StoreClient(store, settings or ProvisionerSettings())
        organization, user = await store.write(users.ensure_owner, "ana")
        await store.write(users.set_allowance, GroupId(organization.id), allowance)
        daemon = await PlayedDaemon.register(client, organization.id, "importer")
        scenario = cls(
            store=store,
            client=client,
            organization_id=organization.id,
            user=user,
            template_id=TemplateId(organization.id),
            daemon=daemon,
        )
        version_id = await scenario.import_version("echo")
        scenario.template_id = (await scenario.version(version_id)).template_id or scenario.template_id
        return scenario

    @property
    def settings(self) -> ProvisionerSettings:
        return self.client.settings

    # Templates

    async def push(
        self, name: str, *, archive: bytes = b"archive", version_tags: Mapping[str, str] | None = None
    ) -> tuple[TemplateVersionId, JobId]:
        return await self.store.write(
            imports.push,
            organization_id=self.organization_id,
            initiator_id=self.user.id,
            name=name,
            archive=archive,
            provisioner=ProvisionerType.ECHO,
            version_tags=version_tags,
        )

    async def import_version(
        self,
        name: str,
        *,
        parameters: Sequence[Parameter] = (),
        presets: Sequence[Preset] = (),
        ttl: timedelta | None = None,
        version_tags: Mapping[str, str] | None = None,
    ) -> TemplateVersionId:
        """A version whose import has succeeded."""
        version_id, job_id = await self.push(name, version_tags=version_tags)
        run = await self.claimed(job_id)
        plan = PlanResult(parameters=tuple(parameters), presets=tuple(presets))
        imported = Imported(parsed=ParseResult(ttl=ttl), start=plan, stop=plan)
        await run.finish(imported=imported)
        return version_id

    async def version(self, version_id: TemplateVersionId) -> TemplateVersion:
        return await self.store.read(templates.version, version_id)

    async def version_file(self) -> FileId:
        """The archive of the template's active version."""
        template = await self.store.read(templates.template, self.template_id)
        assert template.active_version_id is not None
        return (await self.store.read(templates.import_job, template.active_version_id)).file_id

    # Users

    async def member(self, name: str, *, roles: Sequence[str] = ()) -> User:
        return await self.store.write(users.create_user, name, [self.organization_id], roles=roles)

    async def set_budget(self, allowance: int) -> None:
        await self.store.write(users.set_allowance, GroupId(self.organization_id), allowance)

    async def quota(self, user: User | None = None) -> WorkspaceQuota:
        return await self.store.read(workspace_quota, (user or self.user).id, self.organization_id)

    async def consumed(self) -> int:
        return (await self.quota()).credits_consumed

    async def drifts(self) -> list[Drift]:
        return await self.store.read(drifts)

    # Workspaces and builds

    async def create(self, *, user: User | None = None, name: str = "") -> Build:
        """A new workspace's first build, still in line."""
        self._names += 1
        owner = user or self.user
        request = WorkspaceRequest(
            owner_id=owner.id,
            organization_id=self.organization_id,
            template_id=self.template_id,
            name=name or f"w{self._names}",
        )
        _, build_id = await self.store.write(builds.create_workspace, initiator(owner), request)
        return await self.build(build_id)

    async def request(
        self, workspace_id: WorkspaceId, transition: str = Transition.START, **options: object
    ) -> Build:
        """A further build, still in line."""
        request = BuildRequest(workspace_id=workspace_id, transition=transition, **options)  # type: ignore[arg-type]
        return await self.build(await self.store.write(builds.create_build, initiator(self.user), request))

    async def claimed(self, job_id: JobId, daemon: PlayedDaemon | None = None) -> PlayedRun:
        """The run of a job that is next in line."""
        run = await (daemon or self.daemon).claim()
        assert run is not None
        assert run.job_id == job_id
        return run

    async def started(self, cost: int = 0) -> tuple[Build, PlayedRun]:
        """A new workspace's first build, claimed and past its point of no return."""
        build = await self.create()
        run = await self.claimed(build.job.id)
        await run.pass_point_of_no_return(cost)
        return build, run

    async def running(self, cost: int) -> WorkspaceId:
        """A workspace that was started at this cost."""
        build, run = await self.started(cost)
        await run.finish(state=b"state")
        return build.workspace_id

    async def apply(
        self, workspace_id: WorkspaceId, transition: Transition, cost: int, *, error: str = ""
    ) -> bool:
        """Build to the end; whether the quota let it. With ``error`` the apply fails."""
        build = await self.request(workspace_id, transition)
        run = await self.claimed(build.job.id)
        if not await run.pass_point_of_no_return(cost):
            await run.refuse()
            return False
        await run.finish(JobStatus.FAILED if error else JobStatus.SUCCEEDED, error=error)
        return True

    async def build(self, build_id: BuildId) -> Build:
        return await self.store.read(build_reads.build, build_id)

    async def job(self, job_id: JobId) -> Job:
        return await self.store.read(build_reads.job, job_id)

    async def state(self, build_id: BuildId) -> bytes:
        return await self.store.read(build_reads.state, build_id)

    async def logs(self, job_id: JobId) -> list[JobLog]:
        return await self.store.read(build_reads.logs, job_id, limit=100_000)

    async def workspace(self, workspace_id: WorkspaceId) -> Workspace:
        return await self.store.read(workspaces.workspace, workspace_id)

    async def cancel(self, job_id: JobId, *, expect_status: str | None = None) -> JobStatus:
        return await self.store.write(cancel.cancel, job_id, expect_status=expect_status)

    async def reap(self) -> int:
        return await reaper.reap(self.store, self.settings)

    @property
    def lost(self) -> timedelta:
        """After this time without a heartbeat a job is repaired."""
        return self.settings.job_lease + self.settings.lease_grace + timedelta(milliseconds=1)

    async def another_daemon(
        self,
        name: str,
        *,
        daemon_tags: Mapping[str, str] = tags.UNTAGGED,
        provisioners: Sequence[str] = ("echo",),
    ) -> PlayedDaemon:
        return await PlayedDaemon.register(
            self.client, self.organization_id, name, daemon_tags=daemon_tags, provisioners=provisioners
        )
