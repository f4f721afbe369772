"""Pushing a template over HTTP: upload its folder, import it, wait for the import."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.errors import TemplateImportFailed
from chattool.http_backend import records, shapes
from chattool.template_folder import name_of, provisioner_of
from db.errors import NotFound, RequestError, Validation
from db.names import RULE, is_valid
from db.states import JobStatus
from provisioner import archive
from provisioner.terminal import recorded_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from uuid import UUID

    from chattool.http_backend.backend import HttpBackend
    from db.ids import OrganizationId
    from db.states import ProvisionerType

_POLL = timedelta(seconds=5)


async def push_template(
    backend: HttpBackend,
    organization_id: OrganizationId,
    folder: Path,
    *,
    name: str | None,
    provisioner: ProvisionerType | None,
    variables: Mapping[str, str] | None = None,
) -> shapes.Template:
    """The template, after its new version was imported. One whose first import fails is not made.

    Raises:
        TemplateInvalid, ArchiveInvalid: the folder is no template.
        TemplateImportFailed: the version is not usable; the text says why.
        RequestError: the name is bad, or the user may not push templates.
    """
    kind = provisioner or provisioner_of(folder)
    name = name or name_of(folder)
    if not is_valid(name):
        rule = Validation(field="name", detail=f"A name has {RULE}.")
        raise RequestError(400, f"Invalid template name {name!r}.", validations=[rule])
    connection = backend.connection
    known = await _by_name(backend, organization_id, name)
    content = await asyncio.to_thread(archive.packed, folder)
    file = await connection.upload(shapes.UploadedFile, "/files", content)
    wanted: dict[str, object] = {
        "storage_method": "file",
        "file_id": file.hash,
        "provisioner": kind,
        "user_variable_values": [{"name": each, "value": value} for each, value in (variables or {}).items()],
    }
    if known is not None:
        wanted["template_id"] = known.id
    path = f"/organizations/{organization_id}"
    version = await connection.post(shapes.TemplateVersion, f"{path}/templateversions", wanted)
    job = await _ended(backend, version.id)
    if job.status != JobStatus.SUCCEEDED:
        raise TemplateImportFailed(
            f"import of template {name!r} failed: {job.error or job.status}",
            job.error_code or None,
            failure_reason=job.failure_reason,
        ) from recorded_error(job.failure_reason or None, job.failure_detail)
    if known is None:
        made = {"name": name, "template_version_id": version.id}
        return await connection.post(shapes.Template, f"{path}/templates", made)
    return await connection.get(shapes.Template, f"/templates/{known.id}")


async def _by_name(
    backend: HttpBackend, organization_id: OrganizationId, name: str
) -> shapes.Template | None:
    try:
        return await backend.connection.get(
            shapes.Template, f"/organizations/{organization_id}/templates/{name}"
        )
    except NotFound:
        return None


async def _ended(backend: HttpBackend, version_id: UUID) -> shapes.Job:
    path = f"/templateversions/{version_id}"
    with backend.changes.subscribe(f"{path}/logs") as changes:
        while True:
            version = await backend.connection.get(shapes.TemplateVersion, path)
            if not records.is_active(version.job.status):
                return version.job
            await changes.wait(_POLL)
