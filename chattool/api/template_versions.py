"""Template versions: importing one, and what its import found."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from chattool.api import errors
from chattool.api.access import Action, Kind, Target, check, may
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.files import check_usable
from chattool.api.lookup import DEFAULT_LIMIT, Limit, Offset, OrganizationName, organization_of
from chattool.api.models import templates as models
from chattool.api.models.builds import WorkspaceResource
from chattool.api.models.wire import Message
from chattool.api.requests import refused
from chattool.api.services import Services, ServicesOf
from chattool.api.views import builds as build_views
from chattool.api.views import templates as views
from chattool.identity import Caller
from db import ids, template_details, templates
from db.errors import NotFound, RequestError
from db.ids import OrganizationId, TemplateId, TemplateVersionId
from db.records import Template, TemplateVersion
from db.template_details import VersionDetails
from db.transactions import Connection
from provisioner import cancel, imports

router = APIRouter(tags=["Template versions"], route_class=SignedInFirst)


@router.post(
    "/organizations/{organization}/templateversions", status_code=201, responses=errors.responses(409)
)
async def create_version(
    caller: CallerOf,
    services: ServicesOf,
    organization: OrganizationName,
    wanted: models.CreateTemplateVersion,
) -> models.TemplateVersion:
    """A new version from an uploaded archive; its import begins at once. For template administrators.

    A version of a template becomes its active one when the import succeeds.
    """
    found = await organization_of(services, caller, organization)
    check(caller, Action.CREATE, Target(kind=Kind.TEMPLATE, organization_id=found.id))
    version_id = await services.store.write(_create, caller, found.id, wanted)
    return await services.store.read(_shown, caller, services, version_id)


@router.get("/templateversions/{version}")
async def get_version(caller: CallerOf, services: ServicesOf, version: UUID) -> models.TemplateVersion:
    """A version with the job of its import."""
    return await services.store.read(_shown, caller, services, ids.TemplateVersionId(version))


@router.get("/templates/{template}/versions")
async def list_versions(
    caller: CallerOf, services: ServicesOf, template: UUID, limit: Limit = 0, offset: Offset = 0
) -> list[models.TemplateVersion]:
    """The versions of a template, newest first."""
    return await services.store.read(
        _listed,
        caller,
        services,
        ids.TemplateId(template),
        limit=limit or DEFAULT_LIMIT,
        offset=offset,
    )


@router.get("/templateversions/{version}/rich-parameters")
async def version_parameters(
    caller: CallerOf, services: ServicesOf, version: UUID
) -> list[models.TemplateVersionParameter]:
    """The parameters of a version; 400 while its import is active."""
    found = await services.store.read(_imported, caller, ids.TemplateVersionId(version))
    return [views.parameter(document) for document in found.parameters]


@router.get("/templateversions/{version}/presets")
async def version_presets(caller: CallerOf, services: ServicesOf, version: UUID) -> list[models.Preset]:
    """The presets of a version; 400 while its import is active."""
    found = await services.store.read(_imported, caller, ids.TemplateVersionId(version))
    return [views.preset(document) for document in found.presets]


@router.get("/templateversions/{version}/variables")
async def version_variables(
    caller: CallerOf, services: ServicesOf, version: UUID
) -> list[models.TemplateVersionVariable]:
    """The variables of a version; 400 while its import is active. Sensitive values are left empty."""
    found = await services.store.read(_imported, caller, ids.TemplateVersionId(version))
    return views.variables(found)


@router.get("/templateversions/{version}/resources")
async def version_resources(caller: CallerOf, services: ServicesOf, version: UUID) -> list[WorkspaceResource]:
    """What workspaces of a version would consist of, by transition; 400 while its import is active."""
    version_id = ids.TemplateVersionId(version)
    return await services.store.read(_resources, caller, services, version_id)


@router.patch("/templateversions/{version}/cancel", responses=errors.responses(412))
async def cancel_import(
    caller: CallerOf,
    services: ServicesOf,
    version: UUID,
    expect_status: Annotated[str | None, Query(max_length=64, description="`pending` or `running`.")] = None,
) -> Message:
    """Cancel the import of a version. For template administrators."""
    found = await services.store.read(visible, caller, ids.TemplateVersionId(version))
    check(caller, Action.UPDATE, _target(found.version))
    await services.store.write(cancel.cancel, found.version.job_id, expect_status=expect_status)
    return Message(message="Job has been marked as canceled...")


def visible(conn: Connection, caller: Caller, version_id: TemplateVersionId) -> VersionDetails:
    """The version, if the caller may see it: one without a template is its administrators' business.

    Raises:
        NotFound: there is none, or the caller may not.
    """
    details = template_details.version(conn, version_id)
    check(caller, Action.READ, _target(details.version))
    if details.version.template_id is None and not may(caller, Action.UPDATE, _target(details.version)):
        raise NotFound
    return details


def _target(version: TemplateVersion) -> Target:
    return Target(kind=Kind.TEMPLATE, organization_id=version.organization_id)


def _shown(
    conn: Connection, caller: Caller, services: Services, version_id: TemplateVersionId
) -> models.TemplateVersion:
    return views.versions(conn, [visible(conn, caller, version_id)], services)[0]


def _listed(
    conn: Connection,
    caller: Caller,
    services: Services,
    template_id: TemplateId,
    *,
    limit: int,
    offset: int,
) -> list[models.TemplateVersion]:
    organization_id = template_details.template(conn, template_id).template.organization_id
    check(caller, Action.READ, Target(kind=Kind.TEMPLATE, organization_id=organization_id))
    found = template_details.versions(conn, template_id, limit=limit, offset=offset)
    return views.versions(conn, found, services)


def _imported(conn: Connection, caller: Caller, version_id: TemplateVersionId) -> TemplateVersion:
    version = visible(conn, caller, version_id).version
    if templates.import_job(conn, version_id).status.active:
        raise RequestError(400, "Job hasn't completed!")
    return version


def _resources(
    conn: Connection, caller: Caller, services: Services, version_id: TemplateVersionId
) -> list[WorkspaceResource]:
    version = _imported(conn, caller, version_id)
    return build_views.shown_plan(conn, version.job_id, services)


def _create(
    conn: Connection,
    caller: Caller,
    organization_id: OrganizationId,
    wanted: models.CreateTemplateVersion,
) -> TemplateVersionId:
    file_id = ids.FileId(wanted.file_id)
    try:
        check_usable(conn, caller, file_id)
    except NotFound as error:
        raise refused("file_id", "Upload the archive first.") from error
    upload = imports.Upload(
        file_id=file_id,
        provisioner=wanted.provisioner,
        name=wanted.name,
        message=wanted.message,
        tags=wanted.tags,
        variables={each.name: each.value for each in wanted.user_variable_values},
    )
    template = None if wanted.template_id is None else _template(conn, organization_id, wanted.template_id)
    version_id, _ = imports.add_version(conn, organization_id, caller.user.id, upload, template=template)
    return version_id


def _template(conn: Connection, organization_id: OrganizationId, template_id: UUID) -> Template:
    try:
        template = template_details.template(conn, ids.TemplateId(template_id)).template
    except NotFound:
        template = None
    if template is None or template.organization_id != organization_id:
        raise refused("template_id", "The organization has no such template.")
    return template
