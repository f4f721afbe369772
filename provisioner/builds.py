"""Making builds: every check of a request, then job and build in one transaction."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar

from sqlalchemy import LargeBinary, and_, bindparam, case, func, insert, literal, or_, select, update

from db import builds, ids, names, templates, workspaces
from db.errors import Conflict, NotFound, RequestError, Validation
from db.states import JobType, LogLevel, Transition
from db.tables import provisioner_jobs, template_versions, workspace_builds
from db.tables import templates as template_table
from db.tables import workspaces as workspace_table
from db.transactions import Writes, single_write
from provisioner import build_checks, documents, queue, tags
from provisioner.build_requests import ADMINISTRATOR, BuildRequest
from provisioner.parameters import validated
from quota import ledger

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from db.ids import BuildId, WorkspaceId
    from db.statements import Row
    from db.transactions import Connection
    from provisioner.build_requests import Initiator, WorkspaceRequest

T = TypeVar("T")

_last = workspace_builds.alias("last_build")
_last_job = provisioner_jobs.alias("last_job")
_import_job = provisioner_jobs.alias("import_job")
_newest = (
    select(func.max(workspace_builds.c.build_number))
    .where(workspace_builds.c.workspace_id == bindparam("workspace"))
    .scalar_subquery()
)
_version_id = func.coalesce(
    bindparam("version", type_=template_versions.c.id.type),
    case(
        (
            or_(
                bindparam("active", type_=template_table.c.require_active_version.type),
                template_table.c.require_active_version,
                _last.c.id.is_(None),
            ),
            template_table.c.active_version_id,
        ),
        else_=_last.c.template_version_id,
    ),
)
_BY_KEY = select(workspace_builds.c.id).where(
    workspace_builds.c.idempotency_key == bindparam("idempotency_key")
)
_CONTEXT = (
    select(
        workspace_table.c.name,
        workspace_table.c.owner_id,
        workspace_table.c.organization_id,
        workspace_table.c.template_id,
        workspace_table.c.deleted,
        template_table.c.provisioner,
        template_versions.c.id.label("version_id"),
        template_versions.c.template_id.label("version_template_id"),
        template_versions.c.parameters.label("version_parameters"),
        template_versions.c.presets.label("version_presets"),
        *(
            _import_job.c[c].label(f"import_{c}")
            for c in ("started_at", "canceled_at", "completed_at", "error")
        ),
        _import_job.c.file_id,
        _import_job.c.tags.label("version_tags"),
        _last.c.id.label("last_id"),
        _last.c.build_number.label("last_number"),
        _last.c.template_version_id.label("last_version_id"),
        _last.c.preset_id.label("last_preset_id"),
        _last.c.parameters.label("last_parameters"),
        *(_last_job.c[c].label(f"last_{c}") for c in ("started_at", "canceled_at", "completed_at", "error")),
        # In the same snapshot: a repeat must not take the first one's build for somebody else's.
        _BY_KEY.scalar_subquery().label("made_before"),
    )
    .select_from(workspace_table)
    .join(template_table, template_table.c.id == workspace_table.c.template_id)
    .outerjoin(_last, and_(_last.c.workspace_id == workspace_table.c.id, _last.c.build_number == _newest))
    .outerjoin(_last_job, _last_job.c.id == _last.c.job_id)
    .outerjoin(template_versions, template_versions.c.id == _version_id)
    .outerjoin(_import_job, _import_job.c.id == template_versions.c.job_id)
    .where(workspace_table.c.id == bindparam("workspace"))
)
_PREVIOUS_STATE = (
    select(workspace_builds.c.state).where(workspace_builds.c.id == bindparam("previous")).scalar_subquery()
)
_INSERT_BUILD = insert(workspace_builds).values(
    id=bindparam("build"),
    workspace_id=bindparam("workspace"),
    build_number=bindparam("build_number"),
    transition=bindparam("transition"),
    reason=bindparam("reason"),
    template_version_id=bindparam("version"),
    preset_id=bindparam("preset"),
    parameters=bindparam("parameters"),
    initiator_id=bindparam("initiator"),
    job_id=bindparam("job"),
    # A build that fails early still carries what the last one left.
    state=func.coalesce(
        bindparam("state", type_=LargeBinary()), _PREVIOUS_STATE, literal(b"", LargeBinary())
    ),
    idempotency_key=bindparam("idempotency_key"),
    created_at=bindparam("now"),
    updated_at=bindparam("now"),
)

# Only the newest build of a workspace can be due, so autostop has no others to look at.
_CLEAR_DEADLINE = (
    update(workspace_builds)
    .where(workspace_builds.c.id == bindparam("previous"), workspace_builds.c.deadline.is_not(None))
    .values(deadline=None)
)


def create_workspace(
    conn: Connection, initiator: Initiator, request: WorkspaceRequest
) -> tuple[WorkspaceId, BuildId]:
    """A new workspace and its first build, a start; with a known idempotency key those made before.

    Raises:
        RequestError: 404 no such template, 400 deprecated template, bad name or parameters, 409 name taken.
    """
    known = _build_with_key(conn, request.idempotency_key)
    if known is not None:
        return builds.build(conn, known).workspace_id, known
    template = templates.template(conn, request.template_id)
    if template.deleted or template.organization_id != request.organization_id:
        raise NotFound
    if request.owner_id != initiator.id and ADMINISTRATOR not in initiator.roles:
        raise NotFound
    if template.deprecated:
        # Its workspaces go on: only new ones are refused.
        message = (
            f"Template {template.name!r} has been deprecated, and cannot be used to create a new workspace."
        )
        raise RequestError(400, message, detail=template.deprecated)
    if not names.is_valid(request.name):
        rule = Validation(field="name", detail=f"A name has {names.RULE}.")
        raise RequestError(400, f"Invalid workspace name {request.name!r}.", validations=[rule])
    workspace_id = workspaces.create(
        conn,
        owner_id=request.owner_id,
        organization_id=request.organization_id,
        template_id=request.template_id,
        name=request.name,
        ttl_ms=request.ttl_ms,
    )
    ledger.open_account(conn, workspace_id)
    build_id = create_build(
        conn,
        initiator,
        BuildRequest(
            workspace_id=workspace_id,
            transition=Transition.START,
            template_version_id=request.template_version_id,
            use_active_version=True,
            parameters=request.parameters,
            preset_id=request.preset_id,
            idempotency_key=request.idempotency_key,
        ),
    )
    return workspace_id, build_id


@single_write
def create_build(conn: Connection, initiator: Initiator, request: BuildRequest) -> BuildId:
    """A new build in line for a daemon; with a known idempotency key the one made before.

    Raises:
        RequestError: the first check of ``spec`` order that fails; nothing is written then.
        Conflict: another request made a build of this workspace, or with this key, at the same moment; see
            ``refusal``.
    """
    row = conn.first(
        _CONTEXT,
        workspace=request.workspace_id,
        version=request.template_version_id,
        active=request.use_active_version,
        idempotency_key=request.idempotency_key,
    )
    if row is not None and row.made_before is not None:
        return ids.BuildId(row.made_before)
    transition = build_checks.transition_of(request.transition)
    build_checks.check_access(row, initiator, request, transition)
    assert row is not None  # noqa: S101 - checked above
    build_checks.check_version(row, request)
    preset = build_checks.chosen_preset(row, request)
    parameters, validations = validated(
        [documents.parameter_from(document) for document in row.version_parameters],
        {**(preset.get("parameters", {}) if preset else {}), **request.parameters},
        row.last_parameters or {},
        first_build=row.last_id is None,
        transition=transition,
    )
    if validations:
        message = f'Unable to validate parameter "{validations[0].field}"'
        raise RequestError(400, message, detail=validations[0].detail, validations=validations)
    if row.last_id is not None and build_checks.job_status_of(row, "last").active:
        raise active_build()
    return _insert(conn, initiator, request, row, transition=transition, parameters=parameters)


def active_build() -> RequestError:
    """The refusal of a second build at the same time."""
    return RequestError(409, "A workspace build is already active.")


def refusal(conflict: Conflict) -> Exception:
    """What the loser of a race is told: a lost build number is the same as an active build."""
    if conflict.constraint == "uq_workspace_builds_workspace_id_build_number":
        return active_build()
    return conflict


async def made(make: Callable[[], Awaitable[T]]) -> T:
    """What ``make`` made. A request that lost a race against itself, sent twice, finds the winner's build.

    Raises:
        RequestError: what ``create_build`` refuses, a race lost to another request included.
    """
    try:
        return await make()
    except Conflict:
        pass
    except RequestError as error:
        if error.status_code != HTTPStatus.CONFLICT:
            raise
    # Whoever won is visible now, and may have had the same idempotency key.
    try:
        return await make()
    except Conflict as conflict:
        raise refusal(conflict) from conflict


def _insert(
    conn: Connection,
    initiator: Initiator,
    request: BuildRequest,
    row: Row,
    *,
    transition: Transition,
    parameters: Mapping[str, str],
) -> BuildId:
    build_id, job_id = ids.BuildId(ids.new_id()), ids.JobId(ids.new_id())
    job_tags = tags.job_tags(row.version_tags, row.owner_id)
    job_and_build = Writes(
        queue.INSERT_JOB,
        _INSERT_BUILD,
        _CLEAR_DEADLINE,
        job=job_id,
        now=conn.now,
        organization=row.organization_id,
        initiator=initiator.id,
        job_type=JobType.WORKSPACE_BUILD.value,
        provisioner=row.provisioner,
        file=row.file_id,
        job_input={"workspace_build_id": str(build_id), "log_level": request.log_level or LogLevel.INFO},
        job_tags=job_tags,
        build=build_id,
        workspace=request.workspace_id,
        build_number=(row.last_number or 0) + 1,
        transition=transition.value,
        reason=request.reason.value,
        version=row.version_id,
        preset=request.preset_id or (row.last_preset_id if row.last_version_id == row.version_id else None),
        parameters=dict(parameters),
        state=b"" if request.orphan else request.state,
        previous=row.last_id,
        idempotency_key=request.idempotency_key,
    )
    conn.run_all(job_and_build)
    queue.posted(conn, row.organization_id, row.provisioner, job_tags)
    conn.notify(workspaces.topic(request.workspace_id))
    return build_id


def _build_with_key(conn: Connection, key: str | None) -> BuildId | None:
    return None if key is None else conn.scalar(_BY_KEY, idempotency_key=key)
