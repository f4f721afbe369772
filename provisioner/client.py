"""What daemons and their runners ask of whoever has the queue: a database, or a server in front of one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import timedelta

    from db.clock import Clock
    from db.ids import FileId
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

    def cancels(self, fence: Fence) -> AbstractContextManager[Hints]:
        """Hints that the job may have been cancelled."""
        ...


class Hints(Protocol):
    """Wake-ups that may be lost or repeated."""

    async def wait(self, timeout: timedelta | None) -> bool:
        """Whether a hint came before ``timeout`` had passed."""
        ...


@dataclass(frozen=True, kw_only=True)
class Offer:
    """What a daemon says of itself."""

    name: str
    version: str
    provisioners: frozenset[str]
    tags: Mapping[str, str]


class DaemonClient(Protocol):
    """What one daemon asks for. Its runners go on with ``jobs``."""

    @property
    def jobs(self) -> JobClient: ...

    async def register(self, offer: Offer) -> None:
        """Make the daemon known under its name; comes before everything else."""
        ...

    async def seen(self) -> None:
        """Note that the daemon lives."""
        ...

    async def acquire(self) -> Claim:
        """The next job for the daemon, however long that takes.

        When the call is cancelled, a job that was claimed meanwhile is handed back.
        """
        ...
