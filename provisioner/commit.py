"""The point of no return: the quota commit, or ``begin_apply`` where there is nothing to commit."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from db.transactions import single_write
from provisioner import queue
from quota import QuotaCommit, ledger

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.transactions import Connection
    from provisioner.jobs import BuildWork, Fence


def commit_quota(
    conn: Connection, fence: Fence, number: int, work: BuildWork, cost: int, *, enforced: bool
) -> QuotaCommit:
    """Charge a build to its owner, or refuse it. With an ok the apply may begin.

    After a crash at any line nothing is charged, or the charge stands and the job is past its point of no
    return.

    Raises:
        JobCanceled, LeaseLost: nothing was charged.
    """
    # First the quota, then the job: a heartbeat never waits for somebody else's quota.
    workspace_id = work.metadata.workspace_id
    ledger.lock(conn, workspace_id)
    decision = ledger.decide(conn, workspace_id, work.transition, cost, enforced=enforced)
    answer = {"ok": decision.ok, "credits_consumed": decision.credits_consumed, "budget": decision.budget}
    writes = (
        ledger.reservation(workspace_id, work.build_id, cost)
        if decision.ok
        else ledger.refusal(work.build_id, cost)
    )
    first_answer = queue.pass_point_of_no_return(
        conn, fence, number, writes, answer=answer, commit=decision.ok
    )
    return decision if first_answer is None else _answered(first_answer)


@single_write
def begin_apply(conn: Connection, fence: Fence, number: int, work: BuildWork, cost: int) -> None:
    """Record that the apply of a build that reserves nothing may begin.

    Raises:
        JobCanceled, LeaseLost: it may not.
    """
    queue.pass_point_of_no_return(conn, fence, number, ledger.unreserved(work.build_id, cost))


def _answered(answer: Mapping[str, object]) -> QuotaCommit:
    return QuotaCommit(
        ok=bool(answer["ok"]),
        credits_consumed=cast("int", answer["credits_consumed"]),
        budget=cast("int", answer["budget"]),
    )
