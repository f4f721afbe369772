"""The only way a job ends: complete, fail, cancel and reap all come through ``finish``."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from sqlalchemy import bindparam, case, func, insert, select, update

from db import agents, builds, ids, workspaces
from db.errors import LeaseLost
from db.states import JobStatus, JobType, LogLevel, LogSource, Transition
from db.tables import (
    provisioner_jobs,
    workspace_agents,
    workspace_builds,
    workspace_resources,
)
from db.tables import templates as template_table
from db.tables import workspaces as workspace_table
from provisioner import imports, joblogs, queue
from provisioner.jobs import Fence, Line
from quota import ledger

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import JobId
    from db.statements import Row
    from db.transactions import Connection
    from provisioner.jobs import Outcome

_jobs = provisioner_jobs.c
_NOW = bindparam("now", type_=_jobs.updated_at.type)
_END = (
    update(provisioner_jobs)
    .where(queue.NUMBERED_FENCE)
    .values(
        completed_at=_NOW,
        updated_at=_NOW,
        # A pending job that fails or is cancelled has been looked at, and must not read as pending.
        started_at=case(
            (bindparam("failed", type_=_jobs.logs_overflowed.type), func.coalesce(_jobs.started_at, _NOW)),
            else_=_jobs.started_at,
        ),
        canceled_at=case(
            (bindparam("canceled", type_=_jobs.logs_overflowed.type), func.coalesce(_jobs.canceled_at, _NOW)),
            else_=_jobs.canceled_at,
        ),
        lease_until=None,
        call_number=bindparam("number"),
        call_answer=None,
        error=bindparam("new_error"),
        error_code=bindparam("new_error_code"),
        failure_reason=bindparam("new_failure_reason"),
        failure_detail=bindparam("new_failure_detail"),
        retryable=bindparam("new_retryable"),
    )
    .returning(_jobs.type, _jobs.canceled_at, _jobs.committed_at)
)
_CLEAR_CANCEL = update(provisioner_jobs).where(_jobs.id == bindparam("job")).values(canceled_at=None)
_BUILD = (
    select(
        workspace_builds.c.id,
        workspace_builds.c.workspace_id,
        workspace_builds.c.build_number,
        workspace_builds.c.transition,
        workspace_builds.c.daily_cost,
        workspace_table.c.ttl_ms,
        template_table.c.default_ttl_ms,
    )
    .join(workspace_table, workspace_table.c.id == workspace_builds.c.workspace_id)
    .join(template_table, template_table.c.id == workspace_table.c.template_id)
    .where(workspace_builds.c.job_id == bindparam("job"))
)
_END_BUILD = (
    update(workspace_builds)
    .where(workspace_builds.c.id == bindparam("build"))
    .values(deadline=bindparam("new_deadline"), updated_at=bindparam("now"))
)
_END_BUILD_WITH_STATE = _END_BUILD.values(state=bindparam("new_state"))
_CLOSE_OLDER_AGENTS = (
    update(workspace_agents)
    .where(
        workspace_agents.c.workspace_id == bindparam("workspace"),
        workspace_agents.c.build_id != bindparam("build"),
        ~workspace_agents.c.deleted,
    )
    .values(deleted=True, updated_at=bindparam("now"))
)
_INSERT_RESOURCE = insert(workspace_resources).values(
    {
        c: bindparam(c)
        for c in (
            "id",
            "job_id",
            "created_at",
            "transition",
            "type",
            "name",
            "hide",
            "icon",
            "daily_cost",
            "metadata",
        )
    }
)
_INSERT_AGENT = insert(workspace_agents).values(
    {
        c: bindparam(c)
        for c in (
            "id",
            "resource_id",
            "workspace_id",
            "build_id",
            "parent_id",
            "name",
            "display_order",
            "auth_token_hash",
            "startup_script",
            "connection_timeout_seconds",
            "troubleshooting_url",
            "external",
            "created_at",
            "updated_at",
        )
    }
)
_TOO_LATE = "The cancel came after the build was applied; the build succeeded."


def finish(conn: Connection, fence: Fence, number: int, outcome: Outcome, lines: Sequence[Line] = ()) -> None:
    """End a job: job, build, state, resources, agents, credits, the last log lines and the event, or nothing.

    Raises:
        LeaseLost: another attempt owns the job, or it has ended otherwise than by this call.
    """
    row = conn.first(
        _END,
        **queue.fence_values(fence),
        number=number,
        now=conn.now,
        failed=outcome.status is JobStatus.FAILED,
        canceled=outcome.status is JobStatus.CANCELED,
        new_error=_error_text(outcome),
        new_error_code=outcome.error_code,
        new_failure_reason=outcome.failure_reason,
        new_failure_detail=outcome.failure_detail,
        new_retryable=_retryable(outcome),
    )
    if row is None:
        queue.repeated_answer(conn, fence, number)
        return
    if outcome.status is JobStatus.SUCCEEDED and row.canceled_at is not None:
        conn.run(_CLEAR_CANCEL, job=fence.job_id)
        lines = [*lines, _daemon_line(conn, _TOO_LATE)]
    joblogs.append_unfenced(conn, fence.job_id, lines)
    if JobType(row.type) is JobType.WORKSPACE_BUILD:
        _finish_build(conn, fence.job_id, outcome, committed=row.committed_at is not None)
    elif outcome.imported is not None:
        imports.store(conn, fence.job_id, outcome.imported)
    conn.notify(queue.cancel_topic(fence.job_id))


def fence_of(conn: Connection, job_id: JobId) -> Fence:
    """The fence that a job has now: for ends that no runner writes, whose number is ``queue.SERVER_CALL``.

    Raises:
        LeaseLost: the job has ended.
    """
    row = conn.first(_FENCE_OF, job=job_id)
    if row is None:
        raise LeaseLost
    return Fence(job_id=job_id, attempt=row.attempt, worker_id=row.worker_id)


_FENCE_OF = select(_jobs.attempt, _jobs.worker_id).where(
    _jobs.id == bindparam("job"), _jobs.completed_at.is_(None)
)


def _error_text(outcome: Outcome) -> str | None:
    if outcome.status is JobStatus.FAILED:
        # An empty text would read as a success.
        return joblogs.bounded(outcome.error) or "build failed"
    return None


def _retryable(outcome: Outcome) -> bool | None:
    if outcome.failure_reason is not None or outcome.error_code is not None:
        return False
    return outcome.retryable


def _finish_build(conn: Connection, job_id: JobId, outcome: Outcome, *, committed: bool) -> None:
    row = conn.first(_BUILD, job=job_id)
    assert row is not None  # noqa: S101 - a build job is made together with its build
    transition = Transition(row.transition)
    succeeded = outcome.status is JobStatus.SUCCEEDED
    settle, settled = ledger.settlement(outcome.status, transition, committed=committed, cost=row.daily_cost)
    values: dict[str, object] = {
        "build": row.id,
        "workspace": row.workspace_id,
        "new_deadline": _deadline(conn, row) if succeeded and transition is Transition.START else None,
        "now": conn.now,
        **settled,
    }
    if outcome.state is None:
        conn.run_all(_ENDS[settle, False], **values)
    else:
        conn.run_all(_ENDS[settle, True], **values, new_state=outcome.state)
    if (succeeded or outcome.applied) and row.build_number > 1:
        conn.run(_CLOSE_OLDER_AGENTS, workspace=row.workspace_id, build=row.id, now=conn.now)
    _store_resources(conn, job_id, row, outcome)
    if succeeded and transition is Transition.DELETE:
        workspaces.set_deleted(conn, row.workspace_id)
    conn.notify(builds.topic(row.id))


# One round trip for the build and its charge; a constant per pair, so that each is compiled once.
_ENDS = {
    (settle, with_state): (_END_BUILD_WITH_STATE if with_state else _END_BUILD, settle)
    for settle in ledger.SETTLEMENTS
    for with_state in (False, True)
}


def _deadline(conn: Connection, row: Row) -> object:
    ttl = timedelta(milliseconds=row.default_ttl_ms if row.ttl_ms is None else row.ttl_ms)
    return conn.now + ttl if ttl else None


def _store_resources(conn: Connection, job_id: JobId, build: Row, outcome: Outcome) -> None:
    for resource in outcome.resources:
        resource_id = ids.ResourceId(ids.new_id())
        conn.run(
            _INSERT_RESOURCE,
            id=resource_id,
            job_id=job_id,
            created_at=conn.now,
            transition=build.transition,
            type=resource.type,
            name=resource.name,
            hide=resource.hide,
            icon=resource.icon,
            daily_cost=resource.daily_cost,
            metadata=[{"key": i.key, "value": i.value, "sensitive": i.sensitive} for i in resource.metadata],
        )
        agent_ids = {agent.name: ids.AgentId(ids.new_id()) for agent in resource.agents}
        for agent in resource.agents:
            token = agent.token or outcome.agent_token
            conn.run(
                _INSERT_AGENT,
                id=agent_ids[agent.name],
                resource_id=resource_id,
                workspace_id=build.workspace_id,
                build_id=build.id,
                parent_id=agent_ids.get(agent.parent),
                name=agent.name,
                display_order=agent.order,
                auth_token_hash=agents.token_digest(token) if token else None,
                startup_script=agent.startup_script,
                connection_timeout_seconds=int(agent.connection_timeout.total_seconds()),
                troubleshooting_url=agent.troubleshooting_url,
                external=agent.external,
                created_at=conn.now,
                updated_at=conn.now,
            )


def _daemon_line(conn: Connection, output: str) -> Line:
    return Line(
        created_at=conn.now,
        source=LogSource.PROVISIONER_DAEMON,
        level=LogLevel.INFO,
        stage="Cleaning up",
        output=output,
    )
