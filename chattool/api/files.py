"""Archives of templates: stored once, whoever uploads them."""

from __future__ import annotations

import asyncio
from uuid import UUID

from fastapi import APIRouter, Request, Response

from chattool.api import errors
from chattool.api.access import Action, Kind, Target, may
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.models.templates import UploadedFile
from chattool.api.services import ServicesOf
from chattool.identity import Caller
from db import ids, templates
from db.errors import NotFound, RequestError
from db.ids import FileId, OrganizationId
from db.transactions import Connection
from provisioner.archive_contents import archived_files

router = APIRouter(prefix="/files", tags=["Files"], route_class=SignedInFirst)

_TAR = {"content": {"application/x-tar": {"schema": {"type": "string", "format": "binary"}}}}


@router.post(
    "",
    status_code=201,
    responses={
        **errors.responses(413),
        200: {"model": UploadedFile, "description": "You have uploaded it before."},
    },
    openapi_extra={"requestBody": {**_TAR, "required": True}},
)
async def upload_file(
    caller: CallerOf, services: ServicesOf, request: Request, response: Response
) -> UploadedFile:
    """Keep an uncompressed tar, to be made a template version. For template administrators."""
    if not any(_may_upload(caller, each) for each in (None, *caller.organization_roles)):
        raise RequestError(403, "Forbidden.")
    data = await request.body()
    # Judged here rather than by the import, so that the mistake is told to who made it.
    await asyncio.to_thread(archived_files, data)
    file_id, known = await services.store.write(templates.upload_file, caller.user.id, data)
    if known:
        response.status_code = 200
    return UploadedFile(hash=file_id)


@router.get("/{file}", response_class=Response, responses={200: {**_TAR, "description": "The tar."}})
async def download_file(caller: CallerOf, services: ServicesOf, file: UUID) -> Response:
    """An archive that a template version was made from. For template administrators."""
    data = await services.store.read(_readable, caller, ids.FileId(file))
    headers = {"Cache-Control": "no-store", "X-Content-Type-Options": "nosniff"}
    return Response(data, media_type="application/x-tar", headers=headers)


def _may_upload(caller: Caller, organization_id: OrganizationId | None) -> bool:
    return may(caller, Action.CREATE, Target(kind=Kind.FILE, organization_id=organization_id))


def check_usable(conn: Connection, caller: Caller, file_id: FileId) -> None:
    """Return when the caller has uploaded the archive, or may read a version made of it.

    Raises:
        NotFound: neither, or there is no such archive.
    """
    if templates.has_uploaded(conn, caller.user.id, file_id):
        return
    organizations = (None, *templates.organizations_of_file(conn, file_id))
    targets = [Target(kind=Kind.FILE, organization_id=each) for each in organizations]
    if not any(may(caller, Action.READ, target) for target in targets):
        raise NotFound


def _readable(conn: Connection, caller: Caller, file_id: FileId) -> bytes:
    check_usable(conn, caller, file_id)
    return templates.file(conn, file_id)
