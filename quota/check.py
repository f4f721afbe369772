"""The consistency check: replays each workspace's builds and compares the result with the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, select
from sqlalchemy.dialects.postgresql import insert

from db.states import JobStatus, Transition, job_status
from db.tables import provisioner_jobs, users, workspace_builds, workspace_charges, workspaces
from quota import ledger

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from db.ids import WorkspaceId
    from db.statements import Row
    from db.transactions import Connection

_STATUS_COLUMNS = [
    provisioner_jobs.c[name]
    for name in ("started_at", "canceled_at", "completed_at", "committed_at", "error")
]
_BUILDS = (
    select(
        workspaces.c.id.label("workspace_id"),
        workspaces.c.name,
        users.c.username.label("owner_name"),
        workspace_charges.c.confirmed,
        workspace_charges.c.reserved,
        workspace_builds.c.transition,
        workspace_builds.c.daily_cost,
        *_STATUS_COLUMNS,
    )
    .select_from(workspaces)
    .join(users, users.c.id == workspaces.c.owner_id)
    .outerjoin(workspace_charges, workspace_charges.c.workspace_id == workspaces.c.id)
    .join(workspace_builds, workspace_builds.c.workspace_id == workspaces.c.id)
    .join(provisioner_jobs, provisioner_jobs.c.id == workspace_builds.c.job_id)
    .order_by(workspaces.c.id, workspace_builds.c.build_number)
)
_BUILDS_OF_ONE = _BUILDS.where(workspaces.c.id == bindparam("workspace"))
_RIGHT: dict[str, object] = {
    "confirmed": bindparam("right_confirmed"),
    "reserved": bindparam("right_reserved"),
}
_REPAIR = (
    insert(workspace_charges)
    .values(workspace_id=bindparam("workspace"), **_RIGHT)
    .on_conflict_do_update(index_elements=["workspace_id"], set_=_RIGHT)
)


@dataclass(frozen=True, kw_only=True)
class Charge:
    """A row of the ledger: credits of the last success, and of a build on its way."""

    confirmed: int
    reserved: int | None


@dataclass(frozen=True, kw_only=True)
class Drift:
    """A workspace whose row is not what its builds say."""

    workspace_id: WorkspaceId
    workspace_name: str
    """``owner/name``."""
    recorded: Charge | None
    """``None``: the row is missing."""
    replayed: Charge


def drifts(conn: Connection) -> list[Drift]:
    """Every workspace whose row differs from what replaying its builds says, deleted ones included."""
    return list(_drifts(conn.rows(_BUILDS)))


def repair(conn: Connection, workspace_id: WorkspaceId) -> Drift | None:
    """Set one workspace's row to what its builds say, under the quota lock; what was wrong, if anything."""
    ledger.lock(conn, workspace_id)
    found = next(_drifts(conn.rows(_BUILDS_OF_ONE, workspace=workspace_id)), None)
    if found is not None:
        conn.run(
            _REPAIR,
            workspace=workspace_id,
            right_confirmed=found.replayed.confirmed,
            right_reserved=found.replayed.reserved,
        )
    return found


def replayed(builds: Iterable[Row]) -> Charge:
    """What the builds of one workspace, in order, leave in its row."""
    charge = Charge(confirmed=0, reserved=None)
    for build in builds:
        status = job_status(
            **{name: getattr(build, name) for name in ("started_at", "canceled_at", "completed_at", "error")}
        )
        charge = _after(
            charge,
            status,
            Transition(build.transition),
            build.daily_cost,
            committed=build.committed_at is not None,
        )
    return charge


def _after(
    charge: Charge, status: JobStatus, transition: Transition, cost: int, *, committed: bool
) -> Charge:
    deletes = transition is Transition.DELETE
    if status is JobStatus.SUCCEEDED:
        return Charge(confirmed=0 if deletes else cost, reserved=None)
    if status is JobStatus.FAILED and committed and not deletes:
        return Charge(confirmed=max(charge.confirmed, cost), reserved=None)
    if status.active and committed and not deletes and cost:
        return Charge(confirmed=charge.confirmed, reserved=cost)
    return Charge(confirmed=charge.confirmed, reserved=None)


def _drifts(rows: Iterable[Row]) -> Iterator[Drift]:
    by_workspace: dict[WorkspaceId, list[Row]] = {}
    for row in rows:
        by_workspace.setdefault(row.workspace_id, []).append(row)
    for workspace_id, builds in by_workspace.items():
        first = builds[0]
        missing = first.confirmed is None
        recorded = None if missing else Charge(confirmed=first.confirmed, reserved=first.reserved)
        right = replayed(builds)
        if right != recorded:
            yield Drift(
                workspace_id=workspace_id,
                workspace_name=f"{first.owner_name}/{first.name}",
                recorded=recorded,
                replayed=right,
            )
