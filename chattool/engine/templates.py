"""Pushing a template: pack its folder, upload it, wait for the import."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING

from chattool.errors import TemplateImportFailed
from chattool.template_folder import name_of, provisioner_of
from db import builds, templates
from db.states import JobStatus
from provisioner import archive, imports, joblogs
from provisioner.terminal import recorded_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from db.ids import JobId, OrganizationId, UserId
    from db.records import Job, Template
    from db.states import ProvisionerType
    from db.transactions import Store

_POLL = timedelta(seconds=5)


async def push_template(
    store: Store,
    folder: Path,
    *,
    organization_id: OrganizationId,
    initiator_id: UserId,
    name: str | None = None,
    provisioner: ProvisionerType | None = None,
    variables: Mapping[str, str] | None = None,
) -> Template:
    """The template, after its new version was imported.

    Raises:
        TemplateInvalid, ArchiveInvalid: the folder is no template.
        TemplateImportFailed: the template is not usable as it is; the text says why.
        RequestError: the name is bad.
    """
    kind = provisioner or provisioner_of(folder)
    version_id, job_id = await store.write(
        imports.push,
        organization_id=organization_id,
        initiator_id=initiator_id,
        name=name or name_of(folder),
        archive=await asyncio.to_thread(archive.packed, folder),
        provisioner=kind,
        variables=variables,
    )
    job = await _ended(store, job_id)
    version = await store.read(templates.version, version_id)
    assert version.template_id is not None  # noqa: S101 - a push always names its template
    template = await store.read(templates.template, version.template_id)
    if job.status is not JobStatus.SUCCEEDED:
        raise TemplateImportFailed(
            f"import of template {template.name!r} failed: {job.error or job.status}",
            job.error_code,
            failure_reason=job.failure_reason or "",
        ) from recorded_error(job.failure_reason, job.failure_detail)
    return template


async def _ended(store: Store, job_id: JobId) -> Job:
    with store.wakeups.subscribe(joblogs.topic(job_id)) as changes:
        while True:
            job = await store.read(builds.job, job_id)
            if not job.status.active:
                return job
            await changes.wait(_POLL)
