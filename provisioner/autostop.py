"""Autostop: workspaces whose time is up are stopped."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select

from db.errors import Conflict, RequestError, StoreBusy, StoreUnavailable
from db.states import BuildReason, JobStatus, Transition, job_status
from db.tables import provisioner_jobs, users, workspace_builds, workspaces
from provisioner.build_requests import BuildRequest, Initiator
from provisioner.builds import create_build

if TYPE_CHECKING:
    from db.ids import WorkspaceId
    from db.transactions import Connection, Store

log = logging.getLogger(__name__)

INTERVAL = timedelta(seconds=30)
_BATCH = 20

_newer = workspace_builds.alias("newer_build")
_DUE = (
    select(
        workspaces.c.id,
        users.c.id.label("owner_id"),
        users.c.roles,
        *(provisioner_jobs.c[name] for name in ("started_at", "canceled_at", "completed_at", "error")),
    )
    .select_from(workspace_builds)
    .join(workspaces, workspaces.c.id == workspace_builds.c.workspace_id)
    .join(users, users.c.id == workspaces.c.owner_id)
    .join(provisioner_jobs, provisioner_jobs.c.id == workspace_builds.c.job_id)
    .where(
        workspace_builds.c.deadline < bindparam("now", type_=workspace_builds.c.deadline.type),
        workspace_builds.c.transition == Transition.START.value,
        ~workspaces.c.deleted,
        ~select(_newer.c.id)
        .where(
            _newer.c.workspace_id == workspace_builds.c.workspace_id,
            _newer.c.build_number > workspace_builds.c.build_number,
        )
        .exists(),
    )
    .limit(_BATCH)
)


async def stop_due(store: Store) -> int:
    """Queue a stop for each workspace whose deadline has passed; how many that were."""
    stopped = 0
    for workspace_id, owner in await store.read(_due):
        request = BuildRequest(
            workspace_id=workspace_id, transition=Transition.STOP, reason=BuildReason.AUTOSTOP
        )
        try:
            await store.write(create_build, owner, request)
        except (RequestError, Conflict) as error:
            # Somebody else was faster, or the workspace cannot be stopped; the next sweep looks again.
            keys = {"action": "autostop", "workspace_id": str(workspace_id)}
            log.info("no autostop: %s", error, extra=keys)
        else:
            stopped += 1
    return stopped


async def run(store: Store) -> None:
    """Look at every interval until cancelled."""
    while True:
        await store.clock.sleep(INTERVAL)
        try:
            await stop_due(store)
        except (StoreBusy, StoreUnavailable) as error:
            log.warning("could not look for workspaces to stop: %s", error, extra={"action": "autostop"})


def _due(conn: Connection) -> list[tuple[WorkspaceId, Initiator]]:
    return [
        (row.id, Initiator(id=row.owner_id, roles=row.roles))
        for row in conn.rows(_DUE, now=conn.now)
        if job_status(
            started_at=row.started_at,
            canceled_at=row.canceled_at,
            completed_at=row.completed_at,
            error=row.error,
        )
        is JobStatus.SUCCEEDED
    ]
