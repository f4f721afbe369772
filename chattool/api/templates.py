"""Templates: making one of a version, changing it, choosing its active version."""

from __future__ import annotations

from datetime import timedelta
from uuid import UUID

from fastapi import APIRouter

from chattool.api import errors, sight
from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import OrganizationName, UserName, organization_of, user_of
from chattool.api.models import templates as models
from chattool.api.models.wire import Message
from chattool.api.requests import refused
from chattool.api.services import ServicesOf
from chattool.api.template_versions import visible as visible_version
from chattool.api.views import templates as views
from chattool.identity import Caller
from db import ids, template_details, template_usage
from db.errors import NotFound
from db.ids import OrganizationId, TemplateId
from db.template_details import TemplateDetails
from db.transactions import Connection
from provisioner import template_settings
from provisioner.template_settings import TemplateChange

router = APIRouter(tags=["Templates"], route_class=SignedInFirst)

_REMOVED_LATELY = timedelta(days=60)


@router.post("/organizations/{organization}/templates", status_code=201, responses=errors.responses(409))
async def create_template(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, wanted: models.CreateTemplate
) -> models.Template:
    """A new template, made of a version that has none. For template administrators.

    Workspaces can be made of it as soon as that version is imported. What the version's archive says about
    itself (name to show, description, icon, time to live) counts more than what is given here.
    """
    found = await organization_of(services, caller, organization)
    check(caller, Action.CREATE, _target(found.id))
    template_id = await services.store.write(_create, caller, found.id, wanted)
    return views.template(await services.store.read(_visible, caller, template_id))


@router.get("/organizations/{organization}/templates")
async def list_organization_templates(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName
) -> list[models.Template]:
    """The templates of an organization, by name."""
    found = await organization_of(services, caller, organization)
    check(caller, Action.READ, _target(found.id))
    listed = await services.store.read(template_details.listed, [found.id])
    return [views.template(each) for each in listed]


@router.get("/organizations/{organization}/templates/{name}")
async def get_template_by_name(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, name: str
) -> models.Template:
    """The template of that name."""
    found = await organization_of(services, caller, organization)
    check(caller, Action.READ, _target(found.id))
    if "\0" in name:
        raise NotFound
    return views.template(await services.store.read(template_details.template_by_name, found.id, name))


@router.get("/organizations/{organization}/members/{user}/template-usage")
async def get_template_usage(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, user: UserName
) -> list[models.TemplateUsage]:
    """How a user uses the organization's templates: what the ranking of templates goes by."""
    found = await organization_of(services, caller, organization)
    account = await user_of(services, caller, user)
    # Who may see a user's workspaces may see what they are made of.
    owned = Target(kind=Kind.WORKSPACE, organization_id=found.id, owner_id=account.user.id)
    check(caller, Action.READ, owned)
    usage = await services.store.read(
        template_usage.usage,
        account.user.id,
        found.id,
        removed_after=services.clock.now() - _REMOVED_LATELY,
    )
    return [
        models.TemplateUsage(
            template_id=template_id,
            active=each.active,
            removed=each.removed,
            last_used_at=each.last_used_at,
            developers=each.developers,
        )
        for template_id, each in usage.items()
    ]


@router.get("/templates")
async def list_templates(caller: CallerOf, services: ServicesOf) -> list[models.Template]:
    """The templates of all organizations that the caller may look into, by name."""
    seen = sight.organizations(caller, Kind.TEMPLATE)
    return [views.template(each) for each in await services.store.read(template_details.listed, seen)]


@router.get("/templates/{template}")
async def get_template(caller: CallerOf, services: ServicesOf, template: UUID) -> models.Template:
    """A template."""
    return views.template(await services.store.read(_visible, caller, ids.TemplateId(template)))


@router.patch("/templates/{template}", responses=errors.responses(409))
async def update_template(
    caller: CallerOf, services: ServicesOf, template: UUID, wanted: models.UpdateTemplate
) -> models.Template:
    """Change a template. For template administrators."""
    template_id = ids.TemplateId(template)
    await services.store.write(_update, caller, template_id, wanted)
    return views.template(await services.store.read(_visible, caller, template_id))


@router.patch("/templates/{template}/versions")
async def choose_active_version(
    caller: CallerOf, services: ServicesOf, template: UUID, wanted: models.UpdateActiveVersion
) -> Message:
    """Choose the version that new workspaces get, an older one too. For template administrators."""
    await services.store.write(_choose, caller, ids.TemplateId(template), ids.TemplateVersionId(wanted.id))
    return Message(message="Updated the active template version.")


def _target(organization_id: OrganizationId) -> Target:
    return Target(kind=Kind.TEMPLATE, organization_id=organization_id)


def _visible(
    conn: Connection, caller: Caller, template_id: TemplateId, action: Action = Action.READ
) -> TemplateDetails:
    details = template_details.template(conn, template_id)
    check(caller, action, _target(details.template.organization_id))
    return details


def _create(
    conn: Connection, caller: Caller, organization_id: OrganizationId, wanted: models.CreateTemplate
) -> TemplateId:
    version_id = ids.TemplateVersionId(wanted.template_version_id)
    try:
        version = visible_version(conn, caller, version_id).version
    except NotFound:
        version = None
    if version is None or version.organization_id != organization_id:
        raise refused("template_version_id", "The organization has no such template version.")
    return template_settings.create(conn, version_id, caller.user.id, wanted.name, _change(wanted))


def _update(conn: Connection, caller: Caller, template_id: TemplateId, wanted: models.UpdateTemplate) -> None:
    _visible(conn, caller, template_id, Action.UPDATE)
    template_settings.change(conn, template_id, _change(wanted))


def _choose(
    conn: Connection, caller: Caller, template_id: TemplateId, version_id: ids.TemplateVersionId
) -> None:
    template = _visible(conn, caller, template_id, Action.UPDATE).template
    template_settings.choose_version(conn, template, version_id)


def _change(wanted: models.CreateTemplate | models.UpdateTemplate) -> TemplateChange:
    given = wanted.model_dump(exclude={"template_version_id"})
    deprecated = given.pop("deprecation_message", None)
    return TemplateChange(**given, deprecated=deprecated)
