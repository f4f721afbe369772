"""The daemons of an organization, and the jobs they carry out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chattool.api.access import Action, Kind, Target, check, may
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import DEFAULT_LIMIT, Limit, OrganizationName, organization_of, user_of
from chattool.api.models.jobs import ProvisionerDaemon, ProvisionerJob
from chattool.api.requests import Tags, bad_query, tags_of
from chattool.api.services import Services, ServicesOf
from chattool.api.views import daemons as daemon_views
from chattool.api.views.jobs import JobView
from chattool.identity import Caller
from db import jobs
from db.errors import NotFound
from db.ids import JobId, OrganizationId
from db.jobs import JobFilter
from db.records import Daemon
from db.states import JobStatus
from db.transactions import Connection
from provisioner import daemons

router = APIRouter(prefix="/organizations/{organization}", tags=["Provisioners"], route_class=SignedInFirst)

_MOST_IDS = 100
_List = Annotated[str, Query(max_length=4096, description="Separated by commas.")]


@router.get("/provisionerdaemons")
async def list_daemons(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, tags: Tags = ""
) -> list[ProvisionerDaemon]:
    """Every daemon that was ever seen in the organization, by name."""
    wanted = tags_of(tags) or {}
    found = await organization_of(services, caller, organization)
    check(caller, Action.READ, Target(kind=Kind.DAEMON, organization_id=found.id))
    return await services.store.read(_daemons, services, found.id, wanted)


@router.get("/provisionerjobs")
async def list_jobs(
    caller: CallerOf,
    services: ServicesOf,
    organization: OrganizationName,
    limit: Limit = 0,
    ids: _List = "",
    status: _List = "",
    tags: Tags = "",
    initiator: Annotated[str, Query(max_length=64, description="`me`, a name or an id.")] = "",
) -> list[ProvisionerJob]:
    """The newest jobs of the organization, newest first; for who may not see all of them, their own."""
    found = await organization_of(services, caller, organization)
    initiator_id = (await user_of(services, caller, initiator)).user.id if initiator else None
    if not may(caller, Action.READ, Target(kind=Kind.JOB, organization_id=found.id)):
        if initiator_id not in {None, caller.user.id}:
            return []
        initiator_id = caller.user.id
    wanted = JobFilter(
        ids=_ids(ids), statuses=_statuses(status), tags=tags_of(tags), initiator_id=initiator_id
    )
    return await services.store.read(_jobs, services, found.id, wanted, limit=limit or DEFAULT_LIMIT)


@router.get("/provisionerjobs/{job}")
async def get_job(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, job: UUID
) -> ProvisionerJob:
    """A job of the organization."""
    found = await organization_of(services, caller, organization)
    return await services.store.read(_job, caller, services, found.id, JobId(job))


def _daemons(
    conn: Connection, services: Services, organization_id: OrganizationId, wanted: Mapping[str, str]
) -> list[ProvisionerDaemon]:
    found: list[Daemon] = daemons.listed(conn, organization_id)
    matching = [daemon for daemon in found if wanted.items() <= dict(daemon.tags).items()]
    return daemon_views.shown(conn, matching, services)


def _jobs(
    conn: Connection,
    services: Services,
    organization_id: OrganizationId,
    wanted: JobFilter,
    *,
    limit: int,
) -> list[ProvisionerJob]:
    found = jobs.listed(conn, organization_id, wanted, limit=limit)
    view = JobView(conn, found, services)
    return [view.job(each.job.id) for each in found]


def _job(
    conn: Connection, caller: Caller, services: Services, organization_id: OrganizationId, job_id: JobId
) -> ProvisionerJob:
    details = jobs.job(conn, job_id)
    if details.job.organization_id != organization_id:
        raise NotFound
    owned = Target(kind=Kind.JOB, organization_id=organization_id, owner_id=details.job.initiator_id)
    check(caller, Action.READ, owned)
    return JobView(conn, [details], services).job(job_id)


def _ids(text: str) -> list[JobId] | None:
    if not text:
        return None
    parts = text.split(",")
    if len(parts) > _MOST_IDS:
        raise bad_query("ids", f"must not have more than {_MOST_IDS} ids")
    try:
        return [JobId(UUID(part.strip())) for part in parts]
    except ValueError:
        raise bad_query("ids", "must be ids separated by commas") from None


def _statuses(text: str) -> frozenset[JobStatus]:
    try:
        return frozenset(JobStatus(part.strip()) for part in text.split(",") if part.strip())
    except ValueError:
        raise bad_query("status", f"must be some of: {', '.join(JobStatus)}") from None
