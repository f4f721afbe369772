"""A daemon and its runners played by a test: every call to the queue is one step of the test."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self
from uuid import UUID

from db.ids import DaemonId, JobId, OrganizationId, new_id
from db.states import JobErrorCode, JobStatus, LogLevel, LogSource
from provisioner.jobs import Beat, BuildWork, Claim, Line, Outcome
from provisioner.store_client import StoreClient
from provisioner.tags import UNTAGGED
from quota import QuotaCommit


@dataclass(kw_only=True)
class PlayedRun:
    """A runner that does what the test says."""

    client: StoreClient
    claim: Claim
    number: int = field(default=0)
    """Of the last numbered call; set it back to repeat one."""

    @property
    def job_id(self) -> JobId:
        return self.claim.fence.job_id

    def next_number(self) -> int:
        self.number += 1
        return self.number

    async def work(self) -> BuildWork:
        work = await self.client.work(self.claim)
        assert isinstance(work, BuildWork)
        return work

    async def heartbeat(self, state: bytes | None = None) -> Beat:
        return await self.client.heartbeat(self.claim.fence, state)

    async def log(self, *outputs: str, stage: str = "Planning", level: LogLevel = LogLevel.INFO) -> None:
        lines = [self.line(output, stage=stage, level=level) for output in outputs]
        await self.client.append_logs(self.claim.fence, self.next_number(), lines)

    def line(self, output: str, *, stage: str = "Planning", level: LogLevel = LogLevel.INFO) -> Line:
        return Line(
            created_at=self.client.clock.now(),
            source=LogSource.PROVISIONER,
            level=level,
            stage=stage,
            output=output,
        )

    async def commit_quota(self, cost: int) -> QuotaCommit:
        return await self.client.commit_quota(self.claim.fence, self.next_number(), await self.work(), cost)

    async def begin_apply(self, cost: int = 0) -> None:
        await self.client.begin_apply(self.claim.fence, self.next_number(), await self.work(), cost)

    async def pass_point_of_no_return(self, cost: int) -> bool:
        """What a runner does after its plan; whether the apply may begin."""
        if cost and (await self.work()).transition != "delete":
            return (await self.commit_quota(cost)).ok
        await self.begin_apply(cost)
        return True

    async def finish(
        self,
        status: JobStatus = JobStatus.SUCCEEDED,
        *,
        lines: Sequence[Line] = (),
        **outcome: Any,  # noqa: ANN401 - the fields of Outcome
    ) -> None:
        ended = Outcome(status=status, **outcome)
        await self.client.finish(self.claim.fence, self.next_number(), ended, lines)

    async def refuse(self) -> None:
        """End as a runner does whose commit was refused."""
        await self.finish(
            JobStatus.FAILED, error="insufficient quota", error_code=JobErrorCode.INSUFFICIENT_QUOTA
        )

    async def release(self) -> bool:
        return await self.client.release(self.claim.fence)


@dataclass(kw_only=True)
class PlayedDaemon:
    """A registered daemon that asks for work when the test says so."""

    client: StoreClient
    id: DaemonId
    organization_id: OrganizationId
    tags: Mapping[str, str]
    provisioners: Sequence[str]

    @classmethod
    async def register(
        cls,
        client: StoreClient,
        organization_id: OrganizationId,
        name: str,
        *,
        daemon_tags: Mapping[str, str] = UNTAGGED,
        provisioners: Sequence[str] = ("echo",),
    ) -> Self:
        daemon_id = await client.register(organization_id, name, "1", provisioners, daemon_tags)
        return cls(
            client=client,
            id=daemon_id,
            organization_id=organization_id,
            tags=daemon_tags,
            provisioners=provisioners,
        )

    async def claim(self, request_id: UUID | None = None, *, repeated: bool = False) -> PlayedRun | None:
        claim = await self.client.claim(
            worker_id=self.id,
            organization_id=self.organization_id,
            provisioners=self.provisioners,
            daemon_tags=self.tags,
            request_id=request_id or new_id(),
            repeated=repeated,
        )
        return None if claim is None else PlayedRun(client=self.client, claim=claim)

    def on(self, client: StoreClient) -> "PlayedDaemon":
        """The same daemon over another connection to the database."""
        return PlayedDaemon(
            client=client,
            id=self.id,
            organization_id=self.organization_id,
            tags=self.tags,
            provisioners=self.provisioners,
        )
