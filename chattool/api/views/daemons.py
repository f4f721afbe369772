"""Provisioner daemons as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from chattool.api.models.jobs import DaemonStatus, ProvisionerDaemon, ProvisionerDaemonJob
from db import jobs

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.api.services import Services
    from db.ids import DaemonId, JobId
    from db.jobs import JobDetails
    from db.records import Daemon
    from db.transactions import Connection

API_VERSION = "1.0"
#: Coder's id for the key of daemons that need none, because they share the server's database.
BUILT_IN_KEY = UUID(int=1)


def shown(conn: Connection, daemons: Sequence[Daemon], services: Services) -> list[ProvisionerDaemon]:
    """The daemons with the jobs they work on: three statements, however many there are."""
    if not daemons:
        return []
    ids = [daemon.id for daemon in daemons]
    current, previous = jobs.current_of(conn, ids), jobs.previous_of(conn, ids)
    details = jobs.details(conn, {*current.values(), *previous.values()})
    offline_before = conn.now - services.provisioner_settings.daemon_offline
    return [
        ProvisionerDaemon(
            id=daemon.id,
            organization_id=daemon.organization_id,
            key_id=BUILT_IN_KEY,
            created_at=daemon.created_at,
            last_seen_at=daemon.last_seen_at,
            name=daemon.name,
            version=daemon.version,
            api_version=API_VERSION,
            provisioners=list(daemon.provisioners),
            tags=dict(daemon.tags),
            status=_status(online=daemon.last_seen_at >= offline_before, busy=daemon.id in current),
            current_job=_job(daemon.id, current, details),
            previous_job=_job(daemon.id, previous, details),
        )
        for daemon in daemons
    ]


def _status(*, online: bool, busy: bool) -> DaemonStatus:
    if not online:
        return DaemonStatus.OFFLINE
    return DaemonStatus.BUSY if busy else DaemonStatus.IDLE


def _job(
    daemon_id: DaemonId, of: Mapping[DaemonId, JobId], details: Mapping[JobId, JobDetails]
) -> ProvisionerDaemonJob | None:
    job_id = of.get(daemon_id)
    if job_id is None or job_id not in details:
        return None
    return ProvisionerDaemonJob(id=job_id, status=details[job_id].job.status)
