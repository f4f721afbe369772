"""Reading builds, with the jobs that carry them out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import and_, bindparam, exists, func, literal, select, union_all

from db.conditions import among
from db.errors import NotFound
from db.records import Build, Job, JobLog
from db.states import BuildReason, JobType, LogLevel, LogSource, ProvisionerType, Transition
from db.tables import provisioner_job_logs, provisioner_jobs, workspace_builds

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import BuildId, JobId, WorkspaceId
    from db.statements import Row
    from db.transactions import Connection

_JOB_FIELDS = [name for name in Job.__dataclass_fields__]  # noqa: C416 - a list, in order
_BUILD_FIELDS = [name for name in Build.__dataclass_fields__ if name != "job"]
_JOB_COLUMNS = [provisioner_jobs.c[name].label(f"job_{name}") for name in _JOB_FIELDS]
_BUILD_COLUMNS = [workspace_builds.c[name] for name in _BUILD_FIELDS]
_OF_JOB = workspace_builds.c.job_id == provisioner_jobs.c.id

#: Builds with their jobs, for further columns and conditions; ``build_from`` reads a row.
BUILDS = select(*_BUILD_COLUMNS, *_JOB_COLUMNS).join(provisioner_jobs, _OF_JOB)
_BUILD = BUILDS.where(workspace_builds.c.id == bindparam("build"))
_AMONG = BUILDS.where(among(workspace_builds.c.id, "builds"))
_LATEST = (
    BUILDS.where(workspace_builds.c.workspace_id == bindparam("workspace"))
    .order_by(workspace_builds.c.build_number.desc())
    .limit(1)
)
_LISTED = (
    BUILDS.where(workspace_builds.c.workspace_id == bindparam("workspace"))
    .order_by(workspace_builds.c.build_number.desc())
    .limit(bindparam("most"))
)
_BY_NUMBER = BUILDS.where(
    workspace_builds.c.workspace_id == bindparam("workspace"),
    workspace_builds.c.build_number == bindparam("number"),
)
_STATE = select(workspace_builds.c.state).where(workspace_builds.c.id == bindparam("build"))
_JOB = select(*_JOB_COLUMNS).where(provisioner_jobs.c.id == bindparam("job"))
_LOG_COLUMNS = [
    provisioner_job_logs.c[name] for name in ("id", "created_at", "source", "level", "stage", "output")
]
_LOGS = (
    select(*_LOG_COLUMNS)
    .where(provisioner_job_logs.c.job_id == bindparam("job"), provisioner_job_logs.c.id > bindparam("after"))
    .order_by(provisioner_job_logs.c.id)
    .limit(bindparam("most"))
)
_WORTH_SHOWING = (LogLevel.INFO, LogLevel.WARN, LogLevel.ERROR)
_LOG_TAIL = (
    select(*_LOG_COLUMNS)
    .where(
        provisioner_job_logs.c.job_id == bindparam("job"),
        provisioner_job_logs.c.level.in_([literal(level.value) for level in _WORTH_SHOWING]),
        provisioner_job_logs.c.output != "",
    )
    .order_by(provisioner_job_logs.c.id.desc())
    .limit(bindparam("most"))
)
# Each has a partial index of its own; "has not ended" alone has none.
_WAITING = and_(
    provisioner_jobs.c.started_at.is_(None),
    provisioner_jobs.c.canceled_at.is_(None),
    provisioner_jobs.c.completed_at.is_(None),
)
_AT_WORK = and_(provisioner_jobs.c.started_at.is_not(None), provisioner_jobs.c.completed_at.is_(None))
_ACTIVE = select(
    *(
        select(func.count())
        .select_from(provisioner_jobs)
        .where(condition, exists().where(_OF_JOB))
        .scalar_subquery()
        .label(name)
        for name, condition in (("waiting", _WAITING), ("at_work", _AT_WORK))
    )
)
_UNFINISHED = union_all(
    select(provisioner_jobs.c.id).where(_WAITING), select(provisioner_jobs.c.id).where(_AT_WORK)
).limit(1)


def topic(build_id: BuildId) -> str:
    """The topic of wake-ups about a build: its job, its stage, its log, its end."""
    return f"build:{build_id}"


def job_from(row: Row) -> Job:
    """The job in a row whose columns are labelled ``job_…``."""
    values = {name: getattr(row, f"job_{name}") for name in _JOB_FIELDS}
    values["type"] = JobType(values["type"])
    values["provisioner"] = ProvisionerType(values["provisioner"])
    return Job(**values)


def build_from(row: Row) -> Build:
    """The build in a row of ``BUILDS``."""
    values = {name: getattr(row, name) for name in _BUILD_FIELDS}
    values["transition"] = Transition(values["transition"])
    values["reason"] = BuildReason(values["reason"])
    return Build(**values, job=job_from(row))


def build(conn: Connection, build_id: BuildId) -> Build:
    """The build with its job.

    Raises:
        NotFound: no such build.
    """
    row = conn.first(_BUILD, build=build_id)
    if row is None:
        raise NotFound
    return build_from(row)


def among_ids(conn: Connection, build_ids: Sequence[BuildId]) -> list[Build]:
    """Those of the builds that exist, in no order."""
    return [build_from(row) for row in conn.rows(_AMONG, builds=list(build_ids))]


def latest(conn: Connection, workspace_id: WorkspaceId) -> Build:
    """The build with the highest number.

    Raises:
        NotFound: no such workspace.
    """
    row = conn.first(_LATEST, workspace=workspace_id)
    if row is None:
        raise NotFound
    return build_from(row)


def by_number(conn: Connection, workspace_id: WorkspaceId, number: int) -> Build:
    """The build of a workspace with that number.

    Raises:
        NotFound: no such build.
    """
    row = conn.first(_BY_NUMBER, workspace=workspace_id, number=number)
    if row is None:
        raise NotFound
    return build_from(row)


def listed(conn: Connection, workspace_id: WorkspaceId, *, limit: int = 25) -> list[Build]:
    """The newest builds of a workspace, newest first."""
    return [build_from(row) for row in conn.rows(_LISTED, workspace=workspace_id, most=limit)]


def state(conn: Connection, build_id: BuildId) -> bytes:
    """The provisioner state stored with the build; empty when nothing exists.

    Raises:
        NotFound: no such build.
    """
    row = conn.first(_STATE, build=build_id)
    if row is None:
        raise NotFound
    return bytes(row.state)


def job(conn: Connection, job_id: JobId) -> Job:
    """The job.

    Raises:
        NotFound: no such job.
    """
    row = conn.first(_JOB, job=job_id)
    if row is None:
        raise NotFound
    return job_from(row)


def logs(conn: Connection, job_id: JobId, *, after: int = 0, limit: int = 400) -> list[JobLog]:
    """Lines of the job's log with an id above ``after``, oldest first."""
    return [_log_from(row) for row in conn.rows(_LOGS, job=job_id, after=after, most=limit)]


def log_tail(conn: Connection, job_id: JobId, *, limit: int) -> list[JobLog]:
    """The last lines of the job's log at info or above that are not blank, oldest first."""
    return [_log_from(row) for row in reversed(conn.rows(_LOG_TAIL, job=job_id, most=limit))]


def active_count(conn: Connection) -> int:
    """How many builds have not ended."""
    row = conn.first(_ACTIVE)
    assert row is not None  # noqa: S101 - a select of two counts always has a row
    return int(row.waiting + row.at_work)


def has_unfinished_job(conn: Connection) -> bool:
    """Whether any job, of a build or of an import, has not ended."""
    return conn.first(_UNFINISHED) is not None


def _log_from(row: Row) -> JobLog:
    values = row._asdict()
    return JobLog(**{**values, "source": LogSource(values["source"]), "level": LogLevel(values["level"])})
