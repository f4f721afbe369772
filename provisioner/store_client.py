"""The clients of daemons that work on the database itself."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING

from db import templates
from db.errors import StoreBusy, StoreUnavailable
from db.ids import new_id
from provisioner import commit, daemons, finish, joblogs, queue, work
from provisioner.acquirer import Acquirer, Domain
from quota import QuotaLockTimeout

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from uuid import UUID

    from db.ids import DaemonId, FileId, OrganizationId
    from db.transactions import Connection, Store
    from provisioner.client import Hints, Offer
    from provisioner.jobs import Beat, BuildWork, Claim, Fence, ImportWork, Line, Outcome
    from provisioner.settings import ProvisionerSettings
    from quota import QuotaCommit

log = logging.getLogger(__name__)


class StoreClient:
    """The ``JobClient`` on the database itself, for daemons of the same trust as the server."""

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
            queue.claim_once if repeated else queue.claim,
            worker_id=worker_id,
            organization_id=organization_id,
            provisioners=provisioners,
            daemon_tags=daemon_tags,
            lease=self.settings.job_lease,
            request_id=request_id,
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

    def cancels(self, fence: Fence) -> AbstractContextManager[Hints]:
        return self.store.wakeups.subscribe(queue.cancel_topic(fence.job_id))


class StoreDaemonClient:
    """The ``DaemonClient`` of one daemon on the database itself.

    Daemons of one process may share an ``acquirer``.
    """

    def __init__(
        self, jobs: StoreClient, organization_id: OrganizationId, *, acquirer: Acquirer | None = None
    ) -> None:
        self._jobs = jobs
        self._organization_id = organization_id
        self._acquirer = acquirer or Acquirer(jobs.store.wakeups, jobs.clock, jobs.settings.acquire_poll)
        self._domain: Domain | None = None
        self._daemon_id: DaemonId | None = None

    @property
    def jobs(self) -> StoreClient:
        return self._jobs

    @property
    def daemon_id(self) -> DaemonId | None:
        """``None`` before it is registered."""
        return self._daemon_id

    async def register(self, offer: Offer) -> None:
        self._daemon_id = await self._jobs.register(
            self._organization_id, offer.name, offer.version, sorted(offer.provisioners), offer.tags
        )
        self._domain = Domain(
            organization_id=self._organization_id, provisioners=offer.provisioners, tags=offer.tags
        )

    async def seen(self) -> None:
        daemon_id, _ = self._registered()
        await self._jobs.seen(daemon_id)

    async def acquire(self) -> Claim:
        daemon_id, domain = self._registered()
        return await self._acquirer.acquire(domain, _Asking(self._jobs, daemon_id, domain))

    def _registered(self) -> tuple[DaemonId, Domain]:
        if self._daemon_id is None or self._domain is None:
            raise RuntimeError("the daemon is not registered")
        return self._daemon_id, self._domain


class _Asking:
    """One request for a job; asked again with the same id when the answer was lost."""

    def __init__(self, client: StoreClient, daemon_id: DaemonId, domain: Domain) -> None:
        self._client = client
        self._daemon_id = daemon_id
        self._domain = domain
        self._request_id = new_id()
        self._unanswered = False

    async def __call__(self) -> Claim | None:
        pause, longest = self._client.settings.retry_backoff
        while True:
            try:
                claim = await self._claim()
            except (StoreBusy, StoreUnavailable) as error:
                log.warning("could not ask for work: %s", error, extra={"action": "claim"})
                self._unanswered = True
                await self._client.clock.sleep(pause)
                pause = min(pause * 2, longest)
            else:
                self._unanswered = False
                return claim

    async def _claim(self) -> Claim | None:
        call = asyncio.ensure_future(
            self._client.claim(
                worker_id=self._daemon_id,
                organization_id=self._domain.organization_id,
                provisioners=sorted(self._domain.provisioners),
                daemon_tags=self._domain.tags,
                request_id=self._request_id,
                repeated=self._unanswered,
            )
        )
        try:
            return await asyncio.shield(call)
        except asyncio.CancelledError:
            # The daemon ends, but the job may be ours already: the next daemon shall not wait for the reaper.
            with suppress(StoreBusy, StoreUnavailable):
                claim = await call
                if claim is not None:
                    await self._client.release(claim.fence)
            raise


def _heartbeat(conn: Connection, fence: Fence, settings: ProvisionerSettings, state: bytes | None) -> Beat:
    beat = queue.heartbeat(conn, fence, lease=settings.job_lease)
    if state is not None:
        queue.store_checkpoint(conn, fence.job_id, state)
    return beat
