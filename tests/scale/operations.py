"""Everything that a fleet does all the time, as transaction functions, and how much each may read."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from db import builds as build_reads
from db import jobs, template_usage, users, workspace_details, workspaces
from db.ids import DaemonId, new_id
from db.states import JobStatus, LogLevel, LogSource
from db.tables import workspaces as workspace_table
from db.workspace_details import Sight, WorkspaceFilter
from provisioner import (
    autostop,
    builds,
    commit,
    daemons,
    finish,
    fleet,
    joblogs,
    queue,
    retention,
    stuck_jobs,
    tags,
)
from provisioner.build_requests import BuildRequest, Initiator
from provisioner.jobs import Line, Outcome
from provisioner.protocol import Agent, Resource
from provisioner.settings import ProvisionerSettings
from provisioner.work import build_work
from quota import workspace_quota

if TYPE_CHECKING:
    from collections.abc import Callable

    from db.ids import BuildId, OrganizationId, UserId, WorkspaceId
    from db.transactions import Connection, Store
    from provisioner.jobs import Claim

_SETTINGS = ProvisionerSettings()
_LEASE = timedelta(seconds=30)
_IN_LINE = 100
_WORKSPACE = select(workspace_table.c.id, workspace_table.c.owner_id, workspace_table.c.name).where(
    ~workspace_table.c.deleted, workspace_table.c.name != "w0"
)


@dataclass(frozen=True, kw_only=True)
class Operation:
    """What is done, and how many rows it may look at, whatever the history."""

    name: str
    run: Callable[[Connection], object]
    most: int


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the operations happen: a workspace of an owner who has many."""

    organization_id: OrganizationId
    owner_id: UserId
    workspace_id: WorkspaceId
    workspace_name: str
    build_id: BuildId
    owned: int
    """How many workspaces the owner has, whose charges a commit sums."""
    living: int
    """How many workspaces there are in all."""


async def place(store: Store) -> Place:
    """A place in the history that ``history.fill`` has made."""
    organization = await store.read(users.organization_by_name, users.DEFAULT_ORGANIZATION)
    assert organization is not None
    living = await store.read(lambda conn: conn.rows(_WORKSPACE))
    chosen = living[0]
    latest = await store.read(build_reads.latest, chosen.id)
    return Place(
        organization_id=organization.id,
        owner_id=chosen.owner_id,
        workspace_id=chosen.id,
        workspace_name=chosen.name,
        build_id=latest.id,
        owned=sum(row.owner_id == chosen.owner_id for row in living),
        living=len(living),
    )


def operations(place: Place) -> list[Operation]:
    """All of them."""
    return [
        *_of_the_queue(place),
        *_of_builds(place),
        *_of_upkeep(),
        *_of_lists(place),
    ]


def _of_the_queue(place: Place) -> list[Operation]:
    def beat(conn: Connection) -> None:
        queue.heartbeat(conn, _claimed(conn, place).fence, lease=_LEASE)

    def charge(conn: Connection) -> None:
        claim = _claimed(conn, place, build=True)
        work = build_work(conn, claim.fence.job_id)
        commit.commit_quota(conn, claim.fence, 1, work, 1, enforced=True)

    def end(conn: Connection) -> None:
        claim = _claimed(conn, place, build=True)
        resource = Resource(type="machine", name="main", agents=(Agent(name="main"),))
        outcome = Outcome(status=JobStatus.SUCCEEDED, state=b"s", resources=(resource,))
        finish.finish(conn, claim.fence, 1, outcome, [_line(conn)])

    def say(conn: Connection) -> None:
        joblogs.append(conn, _claimed(conn, place).fence, 1, [_line(conn)])

    return [
        Operation(name="claim", run=partial(_claim, place=place), most=20),
        Operation(
            name="claim by a daemon that may take none of those in line",
            run=partial(_claim, place=place, provisioners=("terraform",)),
            most=_IN_LINE + 20,
        ),
        Operation(name="claim and heartbeat", run=beat, most=30),
        Operation(name="claim and log line", run=say, most=40),
        Operation(name="create, claim and quota commit", run=charge, most=600 + 4 * place.owned),
        Operation(name="create, claim and finish", run=end, most=600),
    ]


def _of_builds(place: Place) -> list[Operation]:
    def wait(conn: Connection) -> object:
        found = build_reads.build(conn, _create(conn, place))
        return daemons.queue_state(conn, found.job, offline=_SETTINGS.daemon_offline)

    def read_logs(conn: Connection) -> object:
        found = build_reads.build(conn, place.build_id)
        return build_reads.logs(conn, found.job.id), build_reads.log_tail(conn, found.job.id, limit=10)

    return [
        Operation(name="create a build", run=partial(_create, place=place), most=400),
        Operation(name="create a build, and its place in line", run=wait, most=600),
        Operation(name="a build", run=partial(build_reads.build, build_id=place.build_id), most=5),
        Operation(
            name="builds by id", run=partial(build_reads.among_ids, build_ids=[place.build_id]), most=5
        ),
        Operation(
            name="latest build", run=partial(build_reads.latest, workspace_id=place.workspace_id), most=5
        ),
        Operation(
            name="builds of a workspace",
            run=partial(build_reads.listed, workspace_id=place.workspace_id),
            most=60,
        ),
        Operation(name="log of a build", run=read_logs, most=20),
    ]


def _of_upkeep() -> list[Operation]:
    def prune(conn: Connection) -> object:
        # The oldest: all but the last builds of their workspaces.
        return retention.prune_builds(conn, conn.now, 50, after=retention.BEGINNING)

    return [
        Operation(
            name="reaper's sweep",
            run=lambda conn: stuck_jobs.overdue(_SETTINGS).find(conn, _SETTINGS.reaper_batch),
            most=150,
        ),
        Operation(name="autostop's sweep", run=autostop._due, most=20),  # noqa: SLF001
        Operation(name="retention of 50 builds", run=prune, most=1500),
        Operation(name="whether anything is left to do", run=build_reads.has_unfinished_job, most=5),
        Operation(name="how many builds are active", run=build_reads.active_count, most=1500),
        Operation(
            name="metrics of the fleet",
            run=partial(fleet.state, daemon_offline=_SETTINGS.daemon_offline),
            most=250,
        ),
    ]


def _of_lists(place: Place) -> list[Operation]:
    member = Sight(user_id=place.owner_id, member_of=[place.organization_id])
    administrator = Sight(user_id=place.owner_id, everywhere=True)

    def page(conn: Connection, sight: Sight, **wanted: Any) -> object:  # noqa: ANN401 - fields of the filter
        return workspace_details.found(conn, sight, WorkspaceFilter(**wanted), limit=25)

    def quota_of(conn: Connection) -> object:
        return workspace_quota(conn, place.owner_id, place.organization_id)

    def named(conn: Connection) -> object:
        return workspace_details.by_name(conn, place.owner_id, place.workspace_name)

    def newest_jobs(conn: Connection) -> object:
        return jobs.listed(conn, place.organization_id, jobs.JobFilter(), limit=50)

    def used(conn: Connection) -> object:
        since = conn.now - timedelta(days=30)
        return template_usage.usage(conn, place.owner_id, place.organization_id, removed_after=since)

    return [
        Operation(name="a user's quota", run=quota_of, most=50 + 4 * place.owned),
        Operation(name="a workspace by its name", run=named, most=600 + 4 * place.owned),
        Operation(name="a page of one's own workspaces", run=partial(page, sight=member), most=4000),
        Operation(name="a thousand workspaces", run=partial(workspaces.listed, limit=1000), most=12_000),
        Operation(name="newest jobs", run=newest_jobs, most=600),
        # These two count them all, in an index.
        Operation(
            name="a page of all workspaces",
            run=partial(page, sight=administrator),
            most=4000 + 2 * place.living,
        ),
        Operation(name="use of templates", run=used, most=4000 + 2 * place.living),
    ]


def _claim(conn: Connection, place: Place, provisioners: tuple[str, ...] = ("echo",)) -> Claim | None:
    return queue.claim(
        conn,
        worker_id=DaemonId(new_id()),
        organization_id=place.organization_id,
        provisioners=provisioners,
        daemon_tags=tags.UNTAGGED,
        lease=_LEASE,
        request_id=new_id(),
    )


def _claimed(conn: Connection, place: Place, *, build: bool = False) -> Claim:
    """A claim; with ``build`` that of a new build, once those before it are taken."""
    wanted = build_reads.build(conn, _create(conn, place)).job.id if build else None
    for _ in range(_IN_LINE + 1):
        claim = _claim(conn, place)
        assert claim is not None
        if wanted is None or claim.fence.job_id == wanted:
            return claim
    raise AssertionError


def _create(conn: Connection, place: Place) -> BuildId:
    request = BuildRequest(workspace_id=place.workspace_id, transition="start")
    return builds.create_build(conn, Initiator(id=place.owner_id), request)


def _line(conn: Connection) -> Line:
    return Line(
        created_at=conn.now,
        source=LogSource.PROVISIONER,
        level=LogLevel.INFO,
        stage="Planning",
        output="a line",
    )
