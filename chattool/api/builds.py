"""Workspace builds: asking for one, looking at it, cancelling it."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path, Query, Response

from chattool.api import errors, sight
from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import DEFAULT_LIMIT, Limit, Offset, UserName
from chattool.api.models import builds as models
from chattool.api.models.wire import Message, Moment
from chattool.api.requests import IdempotencyKey, scoped
from chattool.api.services import Services, ServicesOf
from chattool.api.views import builds as views
from chattool.api.workspaces import workspace_named
from chattool.identity import Caller
from db import build_details, builds, ids, workspace_details
from db.build_details import BuildDetails
from db.errors import RequestError
from db.ids import BuildId, WorkspaceId
from db.transactions import Connection
from provisioner import build_checks, cancel
from provisioner import builds as builder
from provisioner.build_requests import BuildRequest

router = APIRouter(tags=["Builds"], route_class=SignedInFirst)

_LARGEST_NUMBER = 2**31 - 1
ExpectStatus = Annotated[
    str | None,
    Query(max_length=64, description="`pending` or `running`: cancel only then, else answer 412."),
]
Since = Annotated[Moment | None, Query(description="Only builds made after this moment.")]


@router.post("/workspaces/{workspace}/builds", status_code=201, responses=errors.responses(406, 409, 410))
async def create_build(
    caller: CallerOf,
    services: ServicesOf,
    workspace: UUID,
    wanted: models.CreateWorkspaceBuild,
    idempotency_key: IdempotencyKey = None,
) -> models.WorkspaceBuild:
    """A new build of a workspace, in line for a daemon. One at a time: 409 while another is active."""
    build_checks.transition_of(wanted.transition)
    workspace_id = ids.WorkspaceId(workspace)
    details = await services.store.read(workspace_details.workspace, workspace_id)
    sight.check_workspace(caller, details)
    request = _request(wanted, workspace_id, scoped(caller, idempotency_key))
    initiator = caller.initiator(details.workspace.organization_id)
    build_id = await builder.made(lambda: services.store.write(builder.create_build, initiator, request))
    return await services.store.read(_shown, caller, services, build_id)


@router.get("/workspaces/{workspace}/builds")
async def list_builds(
    caller: CallerOf,
    services: ServicesOf,
    workspace: UUID,
    since: Since = None,
    limit: Limit = 0,
    offset: Offset = 0,
) -> list[models.WorkspaceBuild]:
    """The builds of a workspace, newest first."""
    workspace_id = ids.WorkspaceId(workspace)
    return await services.store.read(
        _listed, caller, services, workspace_id, since=since, limit=limit or DEFAULT_LIMIT, offset=offset
    )


@router.get("/users/{user}/workspace/{name}/builds/{number}")
async def get_build_by_number(
    caller: CallerOf,
    services: ServicesOf,
    user: UserName,
    name: str,
    number: Annotated[int, Path(ge=1, le=_LARGEST_NUMBER)],
) -> models.WorkspaceBuild:
    """The build of that number of a user's workspace."""
    workspace_id = await workspace_named(caller, services, user, name)
    found = await services.store.read(builds.by_number, workspace_id, number)
    return await services.store.read(_shown, caller, services, found.id)


@router.get("/workspacebuilds/{build}")
async def get_build(caller: CallerOf, services: ServicesOf, build: UUID) -> models.WorkspaceBuild:
    """A build with its job and what it made."""
    return await services.store.read(_shown, caller, services, ids.BuildId(build))


@router.patch("/workspacebuilds/{build}/cancel", responses=errors.responses(412))
async def cancel_build(
    caller: CallerOf, services: ServicesOf, build: UUID, expect_status: ExpectStatus = None
) -> Message:
    """Cancel a build: at once while it is pending, else its provisioner is interrupted."""
    build_id = ids.BuildId(build)
    details = await services.store.read(visible, caller, build_id)
    check(caller, Action.UPDATE, _workspace_of(details))
    initiator = caller.initiator(details.build.job.organization_id)
    await services.store.write(cancel.cancel_build, initiator, build_id, expect_status=expect_status)
    return Message(message="Job has been marked as canceled...")


@router.get("/workspacebuilds/{build}/parameters")
async def build_parameters(
    caller: CallerOf, services: ServicesOf, build: UUID
) -> list[models.WorkspaceBuildParameter]:
    """The values that a build was given or inherited, by name."""
    details = await services.store.read(visible, caller, ids.BuildId(build))
    return [
        models.WorkspaceBuildParameter(name=name, value=value)
        for name, value in sorted(details.build.parameters.items())
    ]


@router.get("/workspacebuilds/{build}/resources")
async def build_resources(
    caller: CallerOf, services: ServicesOf, build: UUID
) -> list[models.WorkspaceResource]:
    """What a build made; 400 while its job is active."""
    return await services.store.read(_resources, caller, services, ids.BuildId(build))


@router.get(
    "/workspacebuilds/{build}/state",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "The bytes."}},
)
async def build_state(caller: CallerOf, services: ServicesOf, build: UUID) -> Response:
    """The provisioner's state after a build, as it was stored. For template administrators."""
    build_id = ids.BuildId(build)
    details = await services.store.read(build_details.build, build_id)
    organization_id = details.build.job.organization_id
    check(caller, Action.READ, Target(kind=Kind.WORKSPACE_STATE, organization_id=organization_id))
    state = await services.store.read(builds.state, build_id)
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(state, media_type="application/octet-stream", headers=headers)


def visible(conn: Connection, caller: Caller, build_id: BuildId) -> BuildDetails:
    """The build, if the caller may see its workspace.

    Raises:
        NotFound: there is none, or the caller may not.
    """
    details = build_details.build(conn, build_id)
    check(caller, Action.READ, _workspace_of(details))
    return details


def _workspace_of(details: BuildDetails) -> Target:
    organization_id = details.build.job.organization_id
    return Target(kind=Kind.WORKSPACE, organization_id=organization_id, owner_id=details.owner_id)


def _shown(conn: Connection, caller: Caller, services: Services, build_id: BuildId) -> models.WorkspaceBuild:
    return views.shown(conn, [visible(conn, caller, build_id)], services)[0]


def _listed(
    conn: Connection,
    caller: Caller,
    services: Services,
    workspace_id: WorkspaceId,
    *,
    since: datetime | None,
    limit: int,
    offset: int,
) -> list[models.WorkspaceBuild]:
    sight.check_workspace(caller, workspace_details.workspace(conn, workspace_id))
    found = build_details.listed(conn, workspace_id, since=since, limit=limit, offset=offset)
    return views.shown(conn, found, services)


def _resources(
    conn: Connection, caller: Caller, services: Services, build_id: BuildId
) -> list[models.WorkspaceResource]:
    details = visible(conn, caller, build_id)
    if details.build.job.status.active:
        raise RequestError(400, "Job hasn't completed!")
    return views.shown_resources(conn, details, services)


def _request(wanted: models.CreateWorkspaceBuild, workspace_id: WorkspaceId, key: str | None) -> BuildRequest:
    version_id, preset_id = wanted.template_version_id, wanted.template_version_preset_id
    return BuildRequest(
        workspace_id=workspace_id,
        transition=wanted.transition,
        template_version_id=None if version_id is None else ids.TemplateVersionId(version_id),
        parameters={each.name: each.value for each in wanted.rich_parameter_values},
        preset_id=None if preset_id is None else ids.PresetId(preset_id),
        state=wanted.state,
        orphan=wanted.orphan,
        log_level=wanted.log_level,
        idempotency_key=key,
    )
