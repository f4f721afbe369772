"""Workspaces: making one, finding and watching them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from fastapi.responses import StreamingResponse
from fastapi.sse import KEEPALIVE_COMMENT, format_sse_event

from chattool.api import errors, sight, workspace_query
from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.event_streams import event_stream
from chattool.api.lookup import DEFAULT_LIMIT, Limit, Offset, UserName, user_of
from chattool.api.models import workspaces as models
from chattool.api.requests import IdempotencyKey, refused, scoped
from chattool.api.services import Services, ServicesOf
from chattool.api.standing import Standing, StandingOf
from chattool.api.views import workspaces as views
from chattool.api.waiting import woken
from chattool.identity import Caller
from db import agents, builds, ids, templates, workspace_details, workspaces
from db.accounts import Account
from db.errors import NotFound, RequestError, StoreBusy, StoreUnavailable, Validation
from db.ids import UserId, WorkspaceId
from db.records import Template
from db.transactions import Connection
from db.workspace_details import WorkspaceDetails
from provisioner import builds as builder
from provisioner.build_requests import WorkspaceRequest

router = APIRouter(tags=["Workspaces"], route_class=SignedInFirst)

_WATCH_BACKUP = timedelta(seconds=5)
IncludeDeleted = Annotated[bool, Query(description="Answer a deleted workspace too, instead of 410.")]


@router.post("/users/{user}/workspaces", status_code=201, responses=errors.responses(406, 409))
async def create_workspace(
    caller: CallerOf,
    services: ServicesOf,
    user: UserName,
    wanted: models.CreateWorkspace,
    idempotency_key: IdempotencyKey = None,
) -> models.Workspace:
    """A new workspace, whose first build begins at once. Quota decides later, whether that succeeds."""
    owner = await user_of(services, caller, user)
    template = await services.store.read(_wanted_template, caller, wanted)
    organization_id = template.organization_id
    target = Target(kind=Kind.WORKSPACE, organization_id=organization_id, owner_id=owner.user.id)
    check(caller, Action.CREATE, target)
    _check_owner(owner, template)
    request = WorkspaceRequest(
        owner_id=owner.user.id,
        organization_id=organization_id,
        template_id=template.id,
        template_version_id=_version_id(wanted),
        name=wanted.name,
        ttl_ms=wanted.ttl_ms,
        parameters={each.name: each.value for each in wanted.rich_parameter_values},
        preset_id=None
        if wanted.template_version_preset_id is None
        else ids.PresetId(wanted.template_version_preset_id),
        idempotency_key=scoped(caller, idempotency_key),
    )
    workspace_id, _ = await builder.made(
        lambda: services.store.write(builder.create_workspace, caller.initiator(organization_id), request)
    )
    return await services.store.read(_shown, caller, services, workspace_id)


@router.get("/workspaces")
async def list_workspaces(
    caller: CallerOf,
    services: ServicesOf,
    q: Annotated[str, Query(max_length=1024, description="`owner:` `template:` `name:` `status:`")] = "",
    limit: Limit = 0,
    offset: Offset = 0,
) -> models.Workspaces:
    """The workspaces that the caller may see and that match, by owner and name."""
    wanted = workspace_query.parsed(q, me=caller.user.username)
    return await services.store.read(
        _page, caller, services, wanted, limit=limit or DEFAULT_LIMIT, offset=offset
    )


@router.get("/workspaces/{workspace}", responses=errors.responses(410))
async def get_workspace(
    caller: CallerOf, services: ServicesOf, workspace: UUID, *, include_deleted: IncludeDeleted = False
) -> models.Workspace:
    """A workspace with its latest build."""
    found = await services.store.read(_shown, caller, services, ids.WorkspaceId(workspace))
    return _living(found, include_deleted=include_deleted)


@router.get("/users/{user}/workspace/{name}", responses=errors.responses(410))
async def get_workspace_by_name(
    caller: CallerOf,
    services: ServicesOf,
    user: UserName,
    name: str,
    *,
    include_deleted: IncludeDeleted = False,
) -> models.Workspace:
    """A user's workspace of that name."""
    workspace_id = await workspace_named(caller, services, user, name)
    found = await services.store.read(_shown, caller, services, workspace_id)
    return _living(found, include_deleted=include_deleted)


@router.get(
    "/workspaces/{workspace}/watch",
    response_class=StreamingResponse,
    responses={
        200: {"content": {"text/event-stream": {}}, "description": "Events `data`, each a Workspace."}
    },
)
async def watch_workspace(
    caller: CallerOf, services: ServicesOf, standing: StandingOf, workspace: UUID
) -> StreamingResponse:
    """The workspace now, and again whenever it changes, as server-sent events."""
    workspace_id = ids.WorkspaceId(workspace)
    await services.store.read(_shown, caller, services, workspace_id)
    changes = _changes(caller, services, standing, workspace_id)
    return event_stream(changes, limit=services.unread_limit)


async def workspace_named(caller: Caller, services: Services, user: str, name: str) -> WorkspaceId:
    """The id of a user's workspace of that name, which may be deleted.

    Raises:
        NotFound: there is none, or the caller may not see it.
    """
    if "\0" in name:
        raise NotFound
    owner = await user_of(services, caller, user)
    return await services.store.read(_by_name, caller, owner.user.id, name)


def _by_name(conn: Connection, caller: Caller, owner_id: UserId, name: str) -> WorkspaceId:
    details = workspace_details.by_name(conn, owner_id, name)
    sight.check_workspace(caller, details)
    return details.workspace.id


def _shown(
    conn: Connection, caller: Caller, services: Services, workspace_id: WorkspaceId
) -> models.Workspace:
    details = workspace_details.workspace(conn, workspace_id)
    sight.check_workspace(caller, details)
    return views.shown(conn, [details], services)[0]


def _page(
    conn: Connection,
    caller: Caller,
    services: Services,
    wanted: workspace_details.WorkspaceFilter,
    *,
    limit: int,
    offset: int,
) -> models.Workspaces:
    found: list[WorkspaceDetails]
    found, count = workspace_details.found(conn, sight.workspaces(caller), wanted, limit=limit, offset=offset)
    return models.Workspaces(workspaces=views.shown(conn, found, services), count=count)


def _living(workspace: models.Workspace, *, include_deleted: bool) -> models.Workspace:
    if workspace.deleted and not include_deleted:
        message = f"Workspace {workspace.name!r} was deleted; ?include_deleted=true shows it all the same."
        raise RequestError(410, message)
    return workspace


def _wanted_template(conn: Connection, caller: Caller, wanted: models.CreateWorkspace) -> Template:
    """The template that a workspace is to be made of, as far as the caller may use it."""
    if (wanted.template_id is None) == (wanted.template_version_id is None):
        detail = "Give either template_id or template_version_id."
        fields = ("template_id", "template_version_id")
        raise RequestError(
            400, detail, validations=[Validation(field=each, detail=detail) for each in fields]
        )
    field = "template_id" if wanted.template_id is not None else "template_version_id"
    try:
        return _usable_template(conn, caller, wanted)
    except NotFound as error:
        raise refused(field, "The template does not exist, or you may not use it.") from error


def _usable_template(conn: Connection, caller: Caller, wanted: models.CreateWorkspace) -> Template:
    template_id = wanted.template_id
    if wanted.template_version_id is not None:
        template_id = templates.version(conn, ids.TemplateVersionId(wanted.template_version_id)).template_id
    if template_id is None:
        raise NotFound
    template = templates.template(conn, ids.TemplateId(template_id))
    check(caller, Action.READ, Target(kind=Kind.TEMPLATE, organization_id=template.organization_id))
    if template.deleted:
        raise NotFound
    return template


def _check_owner(owner: Account, template: Template) -> None:
    if not owner.user.active or template.organization_id not in owner.organizations:
        raise RequestError(400, f"{owner.user.username} is no active member of the template's organization.")


def _version_id(wanted: models.CreateWorkspace) -> ids.TemplateVersionId | None:
    found = wanted.template_version_id
    return None if found is None else ids.TemplateVersionId(found)


async def _changes(
    caller: Caller, services: Services, standing: Standing, workspace_id: WorkspaceId
) -> AsyncIterator[bytes]:
    topics = {workspaces.topic(workspace_id)}
    told = ""
    while not services.stopping.is_set():
        # Subscribed before the read, so that no change falls between the two.
        with services.store.wakeups.subscribe(*topics) as changes:
            try:
                if not await standing.holds(_shown, services, workspace_id):
                    return
                now = await services.store.read(_shown, caller, services, workspace_id)
            except (NotFound, StoreBusy, StoreUnavailable):
                return
            text = now.model_dump_json()
            if text != told:
                told = text
                yield format_sse_event(data_str=text, event="data")
            needed = _topics(now)
            if needed == topics and not await woken(services, changes, _WATCH_BACKUP):
                yield KEEPALIVE_COMMENT
        topics = needed


def _topics(workspace: models.Workspace) -> set[str]:
    build = workspace.latest_build
    made = [agent for resource in build.resources for agent in resource.agents or ()]
    return {
        workspaces.topic(ids.WorkspaceId(workspace.id)),
        builds.topic(ids.BuildId(build.id)),
        *(agents.topic(ids.AgentId(agent.id)) for agent in made),
    }
