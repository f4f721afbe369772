"""The build queue: jobs are claimed in one short transaction, run outside any, finished in another.

Every function here is a transaction, or a part of one. Each claim carries an attempt and a lease. Every
later write of a runner names job, attempt and daemon (its fence) and a call number that grows within the
attempt: a repeated number changes nothing and gets the first answer again, so a lost answer may always be
asked for once more.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, case, func, insert, literal, or_, select, update

from db import ids
from db.errors import JobCanceled, LeaseLost, RequestError
from db.provisioner_keys import NOT_VALID
from db.states import JobType, ProvisionerType
from db.tables import provisioner_daemons, provisioner_jobs, provisioner_keys, workspace_builds
from db.transactions import single_write
from provisioner import tag_match, tags, work
from provisioner.jobs import Beat, Claim, Fence

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta
    from uuid import UUID

    from sqlalchemy import ColumnElement, ScalarSelect, Update

    from db.ids import DaemonId, FileId, JobId, OrganizationId, UserId
    from db.transactions import Connection, Writes

#: The call number of ends that no runner writes; none of a runner's calls is ever a repeat of one.
SERVER_CALL = 2**62
#: Topic of wake-ups about jobs that wait for a daemon; the payload says for which.
JOBS = "jobs"

_jobs = provisioner_jobs.c
PENDING = and_(_jobs.started_at.is_(None), _jobs.canceled_at.is_(None), _jobs.completed_at.is_(None))
RUNNING = and_(_jobs.started_at.is_not(None), _jobs.completed_at.is_(None))
#: First in, first out; ``turn`` keeps one owner's hundred jobs from starving another's one.
CLAIM_ORDER = (_jobs.turn, _jobs.created_at, _jobs.id)

_ORGANIZATION = bindparam("organization", type_=_jobs.organization_id.type)
_others = provisioner_jobs.alias("others").c
_IN_LINE = (
    _others.organization_id == _ORGANIZATION,
    _others.provisioner == bindparam("provisioner"),
    _others.tags == bindparam("job_tags", type_=_jobs.tags.type),
)
_WAITING = (_others.started_at.is_(None), _others.canceled_at.is_(None), _others.completed_at.is_(None))
_PENDING_IN_ORGANIZATION = (*_WAITING, _others.organization_id == _ORGANIZATION)
_PENDING_IN_LINE = (*_WAITING, *_IN_LINE)


def _turn() -> ColumnElement[int]:
    """The place in line of a new job: beside the first of its line, but behind its owner's last one there.

    The owner's last one counts even when it has ended, so that those who ask again and again take turns with
    one whose jobs wait. A line is what the same daemons take: jobs of one organization, provisioner and tags.
    One that is empty begins where the claims of the organization are, or its first job in line where other
    daemons are ahead.
    """
    first = _first(*_PENDING_IN_LINE)
    first_of_all = _first(*_PENDING_IN_ORGANIZATION)
    last_claimed = (
        select(_others.turn)
        .where(_others.organization_id == _ORGANIZATION, _others.started_at.is_not(None))
        .order_by(_others.started_at.desc())
        .limit(1)
        .scalar_subquery()
    )
    beginning = case((first_of_all < last_claimed, first_of_all), else_=last_claimed)
    base = func.coalesce(first, beginning, 0)
    after_own = (
        select(func.max(_others.turn) + 1)
        .where(*_IN_LINE, _others.initiator_id == bindparam("initiator"), _others.turn >= base)
        .scalar_subquery()
    )
    return func.coalesce(after_own, base)


def _first(*where: ColumnElement[bool]) -> ScalarSelect[int]:
    return select(func.min(_others.turn)).where(*where).scalar_subquery()


INSERT_JOB = insert(provisioner_jobs).values(
    id=bindparam("job"),
    created_at=bindparam("now"),
    queued_at=bindparam("now"),
    updated_at=bindparam("now"),
    organization_id=bindparam("organization"),
    initiator_id=bindparam("initiator"),
    type=bindparam("job_type"),
    provisioner=bindparam("provisioner"),
    file_id=bindparam("file"),
    input=bindparam("job_input"),
    tags=bindparam("job_tags"),
    turn=_turn(),
)
_CLAIMED = (_jobs.id, _jobs.attempt, _jobs.type, _jobs.provisioner, _jobs.organization_id, _jobs.file_id)
_BY_REQUEST = and_(RUNNING, _jobs.worker_id == bindparam("worker"), _jobs.request_id == bindparam("request"))
_CLAIMED_BEFORE = (
    update(provisioner_jobs)
    .where(_BY_REQUEST)
    .values(lease_until=bindparam("until"), updated_at=bindparam("now"))
    .returning(*_CLAIMED)
)
# Requests of one daemon come one by one, whichever servers they reach.
_ASKING = (
    select(provisioner_daemons.c.id)
    .outerjoin(provisioner_keys, provisioner_keys.c.id == provisioner_daemons.c.key_id)
    .where(
        provisioner_daemons.c.id == bindparam("worker"),
        or_(provisioner_daemons.c.key_id.is_(None), provisioner_keys.c.revoked_at.is_(None)),
    )
    .with_for_update(key_share=True, of=provisioner_daemons)
)
_ATTEMPT_BY_REQUEST = select(_jobs.id, _jobs.attempt).where(_BY_REQUEST)
_HELD_FILE = select(_jobs.id).where(
    RUNNING, _jobs.worker_id == bindparam("worker"), _jobs.file_id == bindparam("file")
)


@lru_cache
def _claim(provisioners: tuple[str, ...]) -> Update:
    """The claim of a daemon that serves these provisioners."""
    first = (
        select(_jobs.id)
        .where(
            PENDING,
            _jobs.organization_id == bindparam("organization"),
            _jobs.provisioner.in_([literal(name) for name in provisioners]),
            tag_match.MATCHES,
        )
        .order_by(*CLAIM_ORDER)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return (
        update(provisioner_jobs)
        .where(_jobs.id == first, PENDING)
        .values(
            started_at=bindparam("now"),
            updated_at=bindparam("now"),
            worker_id=bindparam("worker"),
            request_id=bindparam("request"),
            attempt=_jobs.attempt + 1,
            call_number=0,
            call_answer=None,
            lease_until=bindparam("until"),
        )
        .returning(*_CLAIMED)
    )


_FENCE = and_(
    _jobs.id == bindparam("job"),
    _jobs.attempt == bindparam("attempt"),
    _jobs.worker_id.is_not_distinct_from(bindparam("worker", type_=_jobs.worker_id.type)),
    _jobs.completed_at.is_(None),
)
#: The condition of every numbered call of a runner.
NUMBERED_FENCE = and_(_FENCE, _jobs.call_number < bindparam("number"))
_HEARTBEAT = (
    update(provisioner_jobs)
    .where(_FENCE)
    .values(lease_until=bindparam("until"), updated_at=bindparam("now"))
    .returning(_jobs.canceled_at)
)
_POINT_OF_NO_RETURN = (
    update(provisioner_jobs)
    .where(NUMBERED_FENCE, _jobs.canceled_at.is_(None), _jobs.lease_until > bindparam("now"))
    .values(
        call_number=bindparam("number"),
        call_answer=bindparam("answer"),
        committed_at=case(
            (
                bindparam("commit", type_=_jobs.logs_overflowed.type),
                bindparam("now", type_=_jobs.committed_at.type),
            ),
            else_=_jobs.committed_at,
        ),
        updated_at=bindparam("now"),
    )
    .returning(_jobs.id)
)
_RELEASE = (
    update(provisioner_jobs)
    .where(_FENCE, _jobs.committed_at.is_(None), _jobs.canceled_at.is_(None))
    .values(
        started_at=None,
        worker_id=None,
        request_id=None,
        lease_until=None,
        queued_at=bindparam("now"),
        updated_at=bindparam("now"),
        losses=_jobs.losses + bindparam("lost"),
    )
    .returning(_jobs.organization_id, _jobs.provisioner, _jobs.tags)
)
_CHECKPOINT = (
    update(workspace_builds)
    .where(workspace_builds.c.job_id == bindparam("job"))
    .values(state=bindparam("new_state"), updated_at=bindparam("now"))
)
_FENCED_ROW = select(
    _jobs.attempt,
    _jobs.worker_id,
    _jobs.completed_at,
    _jobs.canceled_at,
    _jobs.call_number,
    _jobs.call_answer,
).where(_jobs.id == bindparam("job"))


def cancel_topic(job_id: JobId) -> str:
    """The topic of wake-ups for the runner of a job."""
    return f"job:{job_id}"


def posted(
    conn: Connection, organization_id: OrganizationId, provisioner: str, tags_: Mapping[str, str]
) -> None:
    """Wake one daemon that may take a job like this."""
    conn.notify(JOBS, json.dumps([str(organization_id), provisioner, dict(tags_)]))


def post(
    conn: Connection,
    *,
    job_type: JobType,
    organization_id: OrganizationId,
    initiator_id: UserId,
    provisioner: ProvisionerType,
    file_id: FileId,
    job_input: Mapping[str, str],
    job_tags: Mapping[str, str],
) -> JobId:
    """Put a job at the end of the line and wake a daemon after the commit."""
    job_id = ids.JobId(ids.new_id())
    conn.run(
        INSERT_JOB,
        job=job_id,
        now=conn.now,
        organization=organization_id,
        initiator=initiator_id,
        job_type=job_type.value,
        provisioner=provisioner.value,
        file=file_id,
        job_input=dict(job_input),
        job_tags=dict(job_tags),
    )
    posted(conn, organization_id, provisioner.value, job_tags)
    return job_id


@single_write
def claim(
    conn: Connection,
    *,
    worker_id: DaemonId,
    organization_id: OrganizationId,
    provisioners: Sequence[str],
    daemon_tags: Mapping[str, str],
    lease: timedelta,
    request_id: UUID,
) -> Claim | None:
    """Take the first job in line that this daemon may take, with what it needs; ``None`` when there is none.

    After a crash at any line the job is either still in line, or held with a lease that runs out.
    """
    row = conn.first(
        _claim(tuple(sorted(provisioners))),
        worker=worker_id,
        request=request_id,
        organization=organization_id,
        daemon_tags=dict(daemon_tags),
        daemon_untagged=daemon_tags == tags.UNTAGGED,
        now=conn.now,
        until=conn.now + lease,
    )
    return None if row is None else _claimed(conn, row, worker_id)


def claim_once(
    conn: Connection,
    *,
    worker_id: DaemonId,
    organization_id: OrganizationId,
    provisioners: Sequence[str],
    daemon_tags: Mapping[str, str],
    lease: timedelta,
    request_id: UUID,
) -> Claim | None:
    """``claim`` for a request that may have been made before, or may be made elsewhere at this moment.

    The job that it claimed then is answered again, its lease renewed.

    Raises:
        RequestError: 401, the daemon's key was revoked while it waited.
    """
    if conn.first(_ASKING, worker=worker_id) is None:
        raise RequestError(401, NOT_VALID)
    row = conn.first(
        _CLAIMED_BEFORE, worker=worker_id, request=request_id, now=conn.now, until=conn.now + lease
    )
    if row is not None:
        return _claimed(conn, row, worker_id)
    return claim(
        conn,
        worker_id=worker_id,
        organization_id=organization_id,
        provisioners=provisioners,
        daemon_tags=daemon_tags,
        lease=lease,
        request_id=request_id,
    )


def _claimed(conn: Connection, row: Any, worker_id: DaemonId) -> Claim:  # noqa: ANN401 - a row of _CLAIMED
    claimed = Claim(
        fence=Fence(job_id=row.id, attempt=row.attempt, worker_id=worker_id),
        type=JobType(row.type),
        provisioner=ProvisionerType(row.provisioner),
        organization_id=row.organization_id,
        file_id=row.file_id,
    )
    return work.with_work(conn, claimed)


def withdraw(conn: Connection, worker_id: DaemonId, request_id: UUID) -> bool:
    """Hand back what was claimed by a request whose answer nobody waits for; false when nothing was."""
    row = conn.first(_ATTEMPT_BY_REQUEST, worker=worker_id, request=request_id)
    if row is None:
        return False
    return release(conn, Fence(job_id=row.id, attempt=row.attempt, worker_id=worker_id))


def holds_file(conn: Connection, worker_id: DaemonId, file_id: FileId) -> bool:
    """Whether the daemon runs a job that needs this file."""
    return conn.first(_HELD_FILE, worker=worker_id, file=file_id) is not None


def is_canceled(conn: Connection, fence: Fence) -> bool:
    """Whether the job is to be cancelled, or is no longer the runner's."""
    row = conn.first(_FENCED_ROW, job=fence.job_id)
    return (
        row is None
        or row.canceled_at is not None
        or row.completed_at is not None
        or (row.attempt, row.worker_id) != (fence.attempt, fence.worker_id)
    )


def heartbeat(conn: Connection, fence: Fence, *, lease: timedelta) -> Beat:
    """Renew the lease and hear whether the job is to be cancelled.

    A late renewal is good as long as nobody else took the job.

    Raises:
        LeaseLost: another attempt owns the job, or it has ended.
    """
    row = conn.first(_HEARTBEAT, **fence_values(fence), now=conn.now, until=conn.now + lease)
    if row is None:
        raise LeaseLost
    return Beat(canceled=row.canceled_at is not None, lease=lease)


def store_checkpoint(conn: Connection, job_id: JobId, state: bytes) -> None:
    """Keep the state that an apply has reached, in a transaction that has already passed the fence."""
    conn.run(_CHECKPOINT, job=job_id, new_state=state, now=conn.now)


def pass_point_of_no_return(
    conn: Connection,
    fence: Fence,
    number: int,
    writes: Writes,
    *,
    answer: Mapping[str, object] | None = None,
    commit: bool = True,
) -> Mapping[str, object] | None:
    """Record that an apply may begin, or with ``commit`` false only this call's answer, and do ``writes``.

    Answers what an earlier call of the same number was answered, if there was one; then nothing is written.

    Raises:
        JobCanceled: the job is to be cancelled, so it must not be applied.
        LeaseLost: the lease has run out, another attempt owns the job, or it has ended.
    """
    passed = conn.run_if(
        _POINT_OF_NO_RETURN,
        writes,
        **fence_values(fence),
        number=number,
        answer=answer,
        commit=commit,
        now=conn.now,
    )
    return repeated_answer(conn, fence, number) if passed is None else None


def release(conn: Connection, fence: Fence, *, lost: bool = False) -> bool:
    """Put an uncommitted job back in its old place in line; ``lost`` counts it as a loss.

    Answers ``False`` when the job is past its point of no return or to be cancelled, and nothing was changed.
    """
    row = conn.first(_RELEASE, **fence_values(fence), now=conn.now, lost=int(lost))
    if row is None:
        return False
    posted(conn, row.organization_id, row.provisioner, row.tags)
    return True


def repeated_answer(conn: Connection, fence: Fence, number: int) -> Mapping[str, object] | None:
    """Why a numbered call changed nothing: the first answer when it was a repeat.

    Raises:
        JobCanceled: the job is to be cancelled.
        LeaseLost: in all other cases.
    """
    row = conn.first(_FENCED_ROW, job=fence.job_id)
    if row is None or row.attempt != fence.attempt or row.worker_id != fence.worker_id:
        raise LeaseLost
    if row.call_number == number:
        answer: Mapping[str, object] | None = row.call_answer
        return answer
    if row.completed_at is None and row.canceled_at is not None:
        raise JobCanceled
    raise LeaseLost


def fence_values(fence: Fence) -> dict[str, object]:
    """The values that the fence's condition takes."""
    return {"job": fence.job_id, "attempt": fence.attempt, "worker": fence.worker_id}
