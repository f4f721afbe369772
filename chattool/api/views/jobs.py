"""Jobs as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.api.models.jobs import (
    MatchedProvisioners,
    ProvisionerJob,
    ProvisionerJobInput,
    ProvisionerJobLog,
    ProvisionerJobMetadata,
)
from db.states import JobErrorCode, JobStatus, JobType
from provisioner import daemons

if TYPE_CHECKING:
    from collections.abc import Collection

    from chattool.api.services import Services
    from db.ids import JobId
    from db.jobs import JobDetails
    from db.records import JobLog
    from db.transactions import Connection
    from provisioner.daemons import QueueState


class JobView:
    """Jobs of one page, with their places in line as they are now."""

    def __init__(self, conn: Connection, details: Collection[JobDetails], services: Services) -> None:
        self._details = {each.job.id: each for each in details}
        pending = [each.job for each in details if each.job.status is JobStatus.PENDING]
        offline = services.provisioner_settings.daemon_offline
        self._states = daemons.queue_states(conn, pending, offline=offline)

    def job(self, job_id: JobId) -> ProvisionerJob:
        """The job of that id."""
        details = self._details[job_id]
        job = details.job
        state = self._states.get(job_id)
        return ProvisionerJob(
            id=job.id,
            created_at=job.created_at,
            started_at=job.started_at,
            completed_at=job.completed_at,
            canceled_at=job.canceled_at,
            error=job.error or None,
            error_code=JobErrorCode(job.error_code) if job.error_code else None,
            failure_reason=job.failure_reason or None,
            failure_detail=job.failure_detail or None,
            retryable=job.retryable,
            status=job.status,
            stage=job.stage or None,
            worker_id=job.worker_id,
            worker_name=details.worker_name,
            file_id=job.file_id,
            tags=dict(job.tags),
            queue_position=state.position if state else 0,
            queue_size=state.size if state else 0,
            organization_id=job.organization_id,
            initiator_id=job.initiator_id,
            input=_input(details),
            type=job.type,
            available_workers=list(state.available_ids) or None if state else None,
            metadata=_metadata(details),
            logs_overflowed=job.logs_overflowed,
            attempt=job.attempt,
        )

    def matched(self, job_id: JobId) -> MatchedProvisioners | None:
        """Who could take the job, while it is pending."""
        state = self._states.get(job_id)
        return None if state is None else _matched(state)


def log_line(line: JobLog) -> ProvisionerJobLog:
    """A line of a job's log."""
    return ProvisionerJobLog(
        id=line.id,
        created_at=line.created_at,
        log_source=line.source,
        log_level=line.level,
        stage=line.stage,
        output=line.output,
    )


def _matched(state: QueueState) -> MatchedProvisioners:
    return MatchedProvisioners(
        count=state.matched, available=state.available, most_recently_seen=state.most_recently_seen
    )


def _input(details: JobDetails) -> ProvisionerJobInput:
    if details.job.type is JobType.WORKSPACE_BUILD:
        return ProvisionerJobInput(workspace_build_id=details.build_id)
    return ProvisionerJobInput(template_version_id=details.template_version_id)


def _metadata(details: JobDetails) -> ProvisionerJobMetadata | None:
    if details.template_version_name is None:
        return None
    return ProvisionerJobMetadata(
        template_version_name=details.template_version_name,
        template_id=details.template_id,
        template_name=details.template_name or "",
        template_display_name=details.template_display_name or "",
        workspace_id=details.workspace_id,
        workspace_name=details.workspace_name,
    )
