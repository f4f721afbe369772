"""The ledger: what each workspace is charged, and how a build reserves and settles it.

A charge is ``max(confirmed, reserved or 0)``, so it never counts less than what may be running: a build
that asks for more is counted from its commit on, and one that failed half way stays at the larger.

Commits of one user in one organization take turns on that pair's row of ``quota_accounts``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from db.states import JobStatus, Transition
from db.tables import quota_accounts, workspace_builds, workspace_charges, workspaces
from db.transactions import Writes
from quota.budget import budget_of, charge, consumed_by
from quota.credits import NOT_ENFORCED, QuotaCommit

if TYPE_CHECKING:
    from db.ids import BuildId, WorkspaceId
    from db.transactions import Connection

# PostgreSQL's insert renders on SQLite too. SQLite needs no lock, since its writers queue anyway; the row is
# the same on both, so that the code is.
_LOCK = (
    insert(quota_accounts)
    .from_select(
        ["user_id", "organization_id", "commits"],
        select(workspaces.c.owner_id, workspaces.c.organization_id, literal(1)).where(
            workspaces.c.id == bindparam("workspace")
        ),
    )
    .on_conflict_do_update(
        index_elements=["user_id", "organization_id"], set_={"commits": quota_accounts.c.commits + 1}
    )
)
_BALANCE = (
    select(
        consumed_by(workspaces.c.owner_id, workspaces.c.organization_id).label("consumed"),
        budget_of(workspaces.c.owner_id, workspaces.c.organization_id).label("budget"),
        charge().label("charge"),
    )
    .select_from(workspaces)
    .join(workspace_charges, workspace_charges.c.workspace_id == workspaces.c.id)
    .where(workspaces.c.id == bindparam("workspace"))
)
_OPEN = insert(workspace_charges).values(workspace_id=bindparam("workspace"))
_ROW = update(workspace_charges).where(workspace_charges.c.workspace_id == bindparam("workspace"))
_SETTLED = _ROW.values(confirmed=bindparam("credits"), reserved=None, build_id=None)
_LARGER = _ROW.values(confirmed=charge(), reserved=None, build_id=None)
_DROPPED = _ROW.values(reserved=None, build_id=None)
_BUILD = update(workspace_builds).where(workspace_builds.c.id == bindparam("build"))
_REFUSED = _BUILD.values(planned_cost=bindparam("cost"))
_COST = _BUILD.values(planned_cost=bindparam("cost"), daily_cost=bindparam("cost"))
_RESERVED = _ROW.values(reserved=bindparam("cost"), build_id=bindparam("build"))


def open_account(conn: Connection, workspace_id: WorkspaceId) -> None:
    """Give a new workspace its row: nothing charged."""
    conn.run(_OPEN, workspace=workspace_id)


def lock(conn: Connection, workspace_id: WorkspaceId) -> None:
    """Wait for the turn of the workspace's owner there; held to the end of the transaction."""
    conn.run(_LOCK, workspace=workspace_id)


def decide(
    conn: Connection, workspace_id: WorkspaceId, transition: Transition, cost: int, *, enforced: bool
) -> QuotaCommit:
    """Whether a build of ``cost`` credits may begin. Call it after ``lock``; it writes nothing.

    Refused is only a start that asks for more than the workspace already holds, and only when the sum would
    pass the budget. Exactly the budget is allowed.
    """
    row = conn.first(_BALANCE, workspace=workspace_id)
    assert row is not None  # noqa: S101 - the caller's build belongs to this workspace
    consumed, budget = max(0, row.consumed), max(0, row.budget)
    held = max(0, row.charge)
    refused = enforced and transition is Transition.START and cost > held and consumed + cost - held > budget
    return QuotaCommit(
        ok=not refused,
        credits_consumed=consumed if refused else consumed + max(held, cost) - held,
        budget=budget if enforced else NOT_ENFORCED,
    )


def reservation(workspace_id: WorkspaceId, build_id: BuildId, cost: int) -> Writes:
    """Count the larger of the workspace's charge and ``cost`` from now on."""
    return Writes(_RESERVED, _COST, workspace=workspace_id, build=build_id, cost=cost)


def refusal(build_id: BuildId, cost: int) -> Writes:
    """Keep what a refused build asked for."""
    return Writes(_REFUSED, build=build_id, cost=cost)


def unreserved(build_id: BuildId, cost: int) -> Writes:
    """Keep the cost of a build that needs no commit: one that costs nothing, or a delete."""
    return Writes(_COST, build=build_id, cost=cost)


def settlement(
    workspace_id: WorkspaceId, status: JobStatus, transition: Transition, *, committed: bool, cost: int
) -> Writes:
    """Settle a workspace's charge at the end of a build.

    ``status`` is the end of the job; ``committed`` says whether an apply may have begun; ``cost`` is the
    build's ``daily_cost``.
    """
    if status is JobStatus.SUCCEEDED:
        credits_ = 0 if transition is Transition.DELETE else cost
        return Writes(_SETTLED, workspace=workspace_id, credits=credits_)
    if status is JobStatus.FAILED and committed and transition is not Transition.DELETE:
        return Writes(_LARGER, workspace=workspace_id)
    return Writes(_DROPPED, workspace=workspace_id)
