"""What the queue and the ledger should do, in a few lines of plain Python."""

from dataclasses import dataclass, field
from datetime import datetime

from db.ids import DaemonId, JobId, WorkspaceId
from db.states import JobStatus, Transition
from provisioner.settings import ProvisionerSettings


@dataclass(kw_only=True)
class ModelWorkspace:
    """A workspace and its charge."""

    confirmed: int = 0
    reserved: int | None = None
    deleted: bool = False

    @property
    def charge(self) -> int:
        return 0 if self.deleted else max(self.confirmed, self.reserved or 0)


@dataclass(kw_only=True)
class ModelJob:
    """A build's job."""

    workspace: ModelWorkspace
    workspace_id: WorkspaceId
    transition: Transition
    queued_at: datetime
    attempt: int = 0
    worker: DaemonId | None = None
    lease_until: datetime | None = None
    canceled: bool = False
    committed: bool = False
    cost: int = 0
    losses: int = 0
    ended: JobStatus | None = None

    @property
    def pending(self) -> bool:
        return self.ended is None and self.lease_until is None

    @property
    def status(self) -> JobStatus:
        if self.ended is not None:
            return self.ended
        if self.canceled:
            return JobStatus.CANCELING
        return JobStatus.PENDING if self.pending else JobStatus.RUNNING

    def back_in_line(self, now: datetime) -> None:
        self.lease_until, self.worker, self.queued_at = None, None, now

    def end(self, status: JobStatus) -> None:
        """Settle the charge as the table of events says."""
        self.ended, self.lease_until = status, None
        deletes = self.transition is Transition.DELETE
        if status is JobStatus.SUCCEEDED:
            self.workspace.confirmed = 0 if deletes else self.cost
            self.workspace.deleted = deletes
        elif status is JobStatus.FAILED and self.committed and not deletes:
            self.workspace.confirmed = max(self.workspace.confirmed, self.workspace.reserved or 0)
        self.workspace.reserved = None


@dataclass(kw_only=True)
class Model:
    """All jobs and workspaces of one owner."""

    settings: ProvisionerSettings
    budget: int
    jobs: dict[JobId, ModelJob] = field(default_factory=dict)
    workspaces: dict[WorkspaceId, ModelWorkspace] = field(default_factory=dict)

    @property
    def consumed(self) -> int:
        return sum(workspace.charge for workspace in self.workspaces.values())

    def active(self, workspace_id: WorkspaceId) -> bool:
        return any(job.ended is None for job in self.jobs.values() if job.workspace_id == workspace_id)

    def allows(self, job: ModelJob, cost: int) -> bool:
        held = job.workspace.charge
        asks_for_more = job.transition is Transition.START and cost > held
        return not (asks_for_more and self.consumed + cost - held > self.budget)

    def reap(self, now: datetime) -> int:
        """Repair what is stuck; how many that were."""
        repaired = 0
        for job in self.jobs.values():
            if job.ended is not None:
                continue
            if job.pending:
                if job.queued_at < now - self.settings.pending_limit:
                    job.end(JobStatus.FAILED)
                    repaired += 1
            elif job.lease_until is not None and job.lease_until < now - self.settings.lease_grace:
                self._lose(job, now)
                repaired += 1
        return repaired

    def _lose(self, job: ModelJob, now: datetime) -> None:
        if job.committed:
            job.end(JobStatus.FAILED)
        elif job.canceled:
            job.end(JobStatus.CANCELED)
        elif job.losses + 1 >= self.settings.max_attempts:
            job.end(JobStatus.FAILED)
        else:
            job.losses += 1
            job.back_in_line(now)
