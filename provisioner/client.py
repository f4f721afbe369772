"""The daemon's side of the queue: everything a daemon and its runners ask of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from db import templates
from db.errors import StoreBusy
from provisioner import commit, daemons, finish, joblogs, queue, work
from quota import QuotaLockTimeout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID

    from db.clock import Clock
    from db.ids import DaemonId, FileId, JobId, OrganizationId
    from db.transactions import Connection, Store
    from db.wakeups import Subscription
    from provisioner.jobs import Beat, BuildWork, Claim, Fence, ImportWork, Line, Outcome
    from provisioner.settings import ProvisionerSettings
    from quota import QuotaCommit


class JobClient(Protocol):
    """What a runner asks for. Numbered calls may be repeated with the same number after a lost answer."""

    clock: Clock
    settings: ProvisionerSettings

    async def work(self, claim: Claim) -> BuildWork | ImportWork:
        """What the job needs to run. Raises ``NotFound``."""
        ...

    async def archive(self, file_id: FileId) -> bytes:
        """The template's archive. Raises ``NotFound``."""
        ...

    async def heartbeat(self, fence: Fence, state: bytes | None = None) -> Beat:
        """Renew the lease; with ``state`` also store a checkpoint. Raises ``LeaseLost``."""
        ...

    async def append_logs(self, fence: Fence, number: int, lines: Sequence[Line]) -> None:
        """Add to the job's log. Raises ``LeaseLost``."""
        ...

    async def commit_quota(self, fence: Fence, number: int, build: BuildWork, cost: int) -> QuotaCommit:
        """Charge the build or refuse it. Raises ``JobCanceled``, ``LeaseLost``, ``QuotaLockTimeout``."""
        ...

    async def begin_apply(self, fence: Fence, number: int, build: BuildWork, cost: int) -> None:
        """Pass the point of no return without a charge. Raises ``JobCanceled``, ``LeaseLost``."""
        ...

    async def release(self, fence: Fence) -> bool:
        """Hand an uncommitted job back; false when it is too late for that."""
        ...

    async def finish(self, fence: Fence, number: int, outcome: Outcome, lines: Sequence[Line]) -> None:
        """End the job. Raises ``LeaseLost``."""
        ...

    def cancels(self, job_id: JobId) -> AbstractContextManager[Subscription]:
        """Wake-ups for a cancel of the job; hints only."""
        ...


class StoreClient:
    """A ``JobClient`` on the database itself, for daemons of the same trust as the server."""

    def __init__(self, store: Store, settings: ProvisionerSettings) -> None:
        self.store = store
        self.clock = store.clock
        self.settings = settings

    async def register(
        self,
        organization_id: OrganizationId,
        name: str,
        version: str,
        provisioners: Sequence[str],
        daemon_tags: Mapping[str, str],
    ) -> DaemonId:
        """The id of the daemon of that name."""
        return await self.store.write(
            daemons.register,
            organization_id=organization_id,
            name=name,
            version=version,
            provisioners=provisioners,
            daemon_tags=daemon_tags,
        )

    async def seen(self, daemon_id: DaemonId) -> None:
        """Note that the daemon lives."""
        await self.store.reserved.write(daemons.seen, daemon_id)

    async def claim(
        self,
        *,
        worker_id: DaemonId,
        organization_id: OrganizationId,
        provisioners: Sequence[str],
        daemon_tags: Mapping[str, str],
        request_id: UUID,
        repeated: bool,
    ) -> Claim | None:
        """The first job in line that the daemon may take."""
        return await self.store.write(
            queue.claim,
            worker_id=worker_id,
            organization_id=organization_id,
            provisioners=provisioners,
            daemon_tags=daemon_tags,
            lease=self.settings.job_lease,
            request_id=request_id,
            repeated=repeated,
        )

    async def work(self, claim: Claim) -> BuildWork | ImportWork:
        return await self.store.read(work.work, claim)

    async def archive(self, file_id: FileId) -> bytes:
        return await self.store.read(templates.file, file_id)

    async def heartbeat(self, fence: Fence, state: bytes | None = None) -> Beat:
        return await self.store.reserved.write(_heartbeat, fence, self.settings, state)

    async def append_logs(self, fence: Fence, number: int, lines: Sequence[Line]) -> None:
        await self.store.write(joblogs.append, fence, number, lines)

    async def commit_quota(self, fence: Fence, number: int, build: BuildWork, cost: int) -> QuotaCommit:
        timeout = self.settings.quota_lock_timeout
        try:
            return await self.store.limited(timeout).write(
                commit.commit_quota, fence, number, build, cost, enforced=self.settings.quota_enforced
            )
        except StoreBusy as error:
            raise QuotaLockTimeout(timeout) from error

    async def begin_apply(self, fence: Fence, number: int, build: BuildWork, cost: int) -> None:
        await self.store.write(commit.begin_apply, fence, number, build, cost)

    async def release(self, fence: Fence) -> bool:
        return await self.store.write(queue.release, fence)

    async def finish(self, fence: Fence, number: int, outcome: Outcome, lines: Sequence[Line]) -> None:
        end = finish.finish if outcome.imported is None else finish.finish_import
        await self.store.write(end, fence, number, outcome, lines)

    def cancels(self, job_id: JobId) -> AbstractContextManager[Subscription]:
        return self.store.wakeups.subscribe(queue.cancel_topic(job_id))


def _heartbeat(conn: Connection, fence: Fence, settings: ProvisionerSettings, state: bytes | None) -> Beat:
    beat = queue.heartbeat(conn, fence, lease=settings.job_lease)
    if state is not None:
        queue.store_checkpoint(conn, fence.job_id, state)
    return beat
