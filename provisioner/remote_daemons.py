"""The server's side of remote daemons: who they are, and everything they ask for."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from db import provisioner_keys
from db.errors import LeaseLost, NotFound, RequestError, StoreBusy, StoreError, StoreUnavailable
from provisioner import daemons, failures, queue, tags, work
from provisioner.acquirer import Acquirer, Domain
from provisioner.jobs import Fence

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from datetime import timedelta
    from uuid import UUID

    from db.ids import DaemonId, FileId, JobId
    from db.records import KeyHolder
    from provisioner.jobs import BuildWork, Claim
    from provisioner.store_client import StoreClient
    from quota import QuotaCommit

    #: Ends when the caller has gone.
    Gone = Callable[[], Coroutine[object, object, None]]

_STOPPING = "the server stops"
_NO_DAEMON = "the key has no such daemon; restart the daemon to register it anew"


@dataclass(frozen=True, kw_only=True)
class RemoteDaemon:
    """A daemon that has shown its key."""

    id: DaemonId
    domain: Domain

    def fence(self, job_id: JobId, attempt: int) -> Fence:
        """The fence of its calls for a job, whoever the job belongs to."""
        return Fence(job_id=job_id, attempt=attempt, worker_id=self.id)


@dataclass(frozen=True, kw_only=True)
class Assignment:
    """A job for a remote daemon."""

    claim: Claim
    waited: timedelta
    """From the request to the moment when the lease began."""
    work_error: str = ""
    """Why the claim brings no work: a row that the job depends on is gone."""


class RemoteDaemons:
    """Answers remote daemons on a store; one for each server process.

    ``stopping`` is set when the server ends: whoever waits for a job is then sent away to ask again.
    """

    def __init__(self, jobs: StoreClient, *, stopping: asyncio.Event | None = None) -> None:
        self.jobs = jobs
        self.settings = jobs.settings
        self._store = jobs.store
        self._clock = jobs.clock
        self._stopping = stopping or asyncio.Event()
        self._acquirer = Acquirer(jobs.store.wakeups, jobs.clock, jobs.settings.acquire_poll)
        self._polls: dict[tuple[DaemonId, UUID], asyncio.Task[Claim | None]] = {}
        self._claims: dict[tuple[DaemonId, UUID], asyncio.Future[Claim | None]] = {}

    async def holder(self, secret: str, daemon_id: DaemonId | None = None) -> KeyHolder:
        """Who calls.

        Raises:
            RequestError: 401, the key is not valid.
        """
        found = await self._store.read(provisioner_keys.holder, secret, daemon_id) if secret else None
        if found is None:
            raise RequestError(401, provisioner_keys.NOT_VALID)
        return found

    async def daemon(self, secret: str, daemon_id: DaemonId | None) -> RemoteDaemon:
        """The registered daemon that calls.

        Raises:
            RequestError: 401, the key is not valid; 403, it is not the key of this daemon.
        """
        holder = await self.holder(secret, daemon_id)
        if holder.daemon_id is None:
            raise RequestError(403, _NO_DAEMON)
        domain = Domain(
            organization_id=holder.organization_id,
            provisioners=frozenset(holder.provisioners or ()),
            tags=holder.daemon_tags or {},
        )
        return RemoteDaemon(id=holder.daemon_id, domain=domain)

    async def register(
        self,
        holder: KeyHolder,
        *,
        name: str,
        version: str,
        provisioners: frozenset[str],
        daemon_tags: Mapping[str, str],
    ) -> DaemonId:
        """The id of the key's daemon of that name, which has all tags of its key, or those that it names.

        Raises:
            RequestError: 403, the key does not allow one of the tags; 409, the name belongs to another key.
        """
        allowed = {**tags.UNTAGGED, **holder.key_tags}
        wanted = {key: value for key, value in daemon_tags.items() if tags.UNTAGGED.get(key) != value}
        for key, value in wanted.items():
            if allowed.get(key) != value:
                raise RequestError(403, f"the daemon's key does not allow the tag {key}={value}")
        if wanted:
            allowed = {**{key: allowed[key] for key in tags.UNTAGGED}, **wanted}
        return await self._store.write(
            daemons.register,
            organization_id=holder.organization_id,
            name=name,
            version=version,
            provisioners=sorted(provisioners),
            daemon_tags=allowed,
            key_id=holder.key_id,
        )

    async def acquire(
        self, daemon: RemoteDaemon, request_id: UUID, patience: timedelta, gone: Gone
    ) -> Assignment | None:
        """The next job for the daemon; ``None`` when there was none within ``patience``.

        A caller who is ``gone`` is not waited for. A job that was claimed for it is answered to the next
        call with the same ``request_id``.

        Raises:
            RequestError: 401, its key was revoked meanwhile.
            StoreUnavailable: the server stops.
        """
        key = (daemon.id, request_id)
        received = asked = self._clock.monotonic()

        async def ask() -> Claim | None:
            nonlocal asked
            await self._earlier_claim(key)
            asked = self._clock.monotonic()
            return await self._claim(key, daemon)

        if (earlier := self._polls.get(key)) is not None:
            earlier.cancel()  # its caller has asked again, so the answer would reach nobody
        poll = asyncio.ensure_future(self._acquirer.acquire(daemon.domain, ask, patience=patience))
        self._polls[key] = poll
        ends = [asyncio.ensure_future(gone()), asyncio.ensure_future(self._stopping.wait())]
        try:
            await asyncio.wait({poll, *ends}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (poll, *ends):
                task.cancel()
            await asyncio.gather(poll, *ends, return_exceptions=True)
            if self._polls.get(key) is poll:
                del self._polls[key]
        if poll.cancelled() and self._stopping.is_set():
            raise StoreUnavailable(_STOPPING)
        if poll.cancelled() or (claim := poll.result()) is None:
            return None
        problem = ""
        if claim.work is None:
            try:
                claim = replace(claim, work=await self.jobs.work(claim))
            except (StoreBusy, StoreUnavailable):
                raise
            except (NotFound, StoreError) as error:
                problem = failures.preparation(error).error or ""
        return Assignment(claim=claim, waited=asked - received, work_error=problem)

    async def _earlier_claim(self, key: tuple[DaemonId, UUID]) -> None:
        """Wait for a claim of the same request that is under way: its job is the answer to this one, too."""
        while (claim := self._claims.get(key)) is not None:
            await asyncio.wait({claim})

    async def _claim(self, key: tuple[DaemonId, UUID], daemon: RemoteDaemon) -> Claim | None:
        claim = asyncio.ensure_future(
            self.jobs.claim(
                worker_id=daemon.id,
                organization_id=daemon.domain.organization_id,
                provisioners=sorted(daemon.domain.provisioners),
                daemon_tags=daemon.domain.tags,
                request_id=key[1],
                repeated=True,  # it may be, and whoever lost the answer cannot say whether there was one
            )
        )
        self._claims[key] = claim
        claim.add_done_callback(lambda _: self._claims.pop(key, None))
        return await asyncio.shield(claim)

    async def withdraw(self, daemon: RemoteDaemon, request_id: UUID) -> None:
        """The daemon no longer waits for the answer: what was claimed by that request goes back in line."""
        key = (daemon.id, request_id)
        if (poll := self._polls.get(key)) is not None:
            poll.cancel()
            await asyncio.wait({poll})
        with suppress(LeaseLost):
            await self._earlier_claim(key)
            await self._store.write(queue.withdraw, daemon.id, request_id)

    async def canceled(self, fence: Fence, patience: timedelta, gone: Gone) -> bool:
        """Whether the job was cancelled or lost; waits for that, and may be wrong either way."""
        with self.jobs.cancels(fence) as hints:
            if await self._store.read(queue.is_canceled, fence):
                return True
            hinted = asyncio.ensure_future(hints.wait(patience))
            ends = [asyncio.ensure_future(gone()), asyncio.ensure_future(self._stopping.wait())]
            try:
                await asyncio.wait({hinted, *ends}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (hinted, *ends):
                    task.cancel()
                await asyncio.gather(hinted, *ends, return_exceptions=True)
        return not hinted.cancelled() and hinted.result()

    async def archive(self, daemon: RemoteDaemon, file_id: FileId) -> bytes:
        """The archive of a job that the daemon holds.

        Raises:
            NotFound: it holds no job that needs this file.
        """
        if not await self._store.read(queue.holds_file, daemon.id, file_id):
            raise NotFound
        return await self.jobs.archive(file_id)

    async def commit_quota(self, fence: Fence, number: int, cost: int) -> QuotaCommit:
        """See ``JobClient``. What is built is read here: a daemon says no more than the cost."""
        return await self.jobs.commit_quota(fence, number, await self._build(fence), cost)

    async def begin_apply(self, fence: Fence, number: int, cost: int) -> None:
        """See ``JobClient``."""
        await self.jobs.begin_apply(fence, number, await self._build(fence), cost)

    async def _build(self, fence: Fence) -> BuildWork:
        try:
            return await self._store.read(work.build_work, fence.job_id)
        except NotFound:
            raise LeaseLost from None
