"""Templates and their versions as the API shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from chattool.api.models import templates as models
from chattool.api.views.jobs import JobView
from db import jobs
from provisioner import documents

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.api.services import Services
    from db.records import TemplateVersion
    from db.template_details import TemplateDetails, VersionDetails
    from db.transactions import Connection


def template(details: TemplateDetails) -> models.Template:
    """A template."""
    shown = details.template
    return models.Template(
        id=shown.id,
        created_at=shown.created_at,
        updated_at=shown.updated_at,
        organization_id=shown.organization_id,
        organization_name=details.organization_name,
        name=shown.name,
        display_name=shown.display_name,
        provisioner=shown.provisioner,
        active_version_id=details.usable_version_id,
        active_user_count=details.active_user_count,
        description=shown.description,
        deprecated=bool(shown.deprecated),
        deprecation_message=shown.deprecated,
        icon=shown.icon,
        default_ttl_ms=shown.default_ttl_ms,
        allow_user_cancel_workspace_jobs=shown.allow_user_cancel_workspace_jobs,
        require_active_version=shown.require_active_version,
    )


def versions(
    conn: Connection, details: Sequence[VersionDetails], services: Services
) -> list[models.TemplateVersion]:
    """Versions with their import jobs: three statements, however many there are."""
    found = jobs.details(conn, [each.version.job_id for each in details])
    view = JobView(conn, found.values(), services)
    return [_version(each, view) for each in details]


def _version(details: VersionDetails, view: JobView) -> models.TemplateVersion:
    version = details.version
    return models.TemplateVersion(
        id=version.id,
        template_id=version.template_id,
        organization_id=version.organization_id,
        created_at=version.created_at,
        updated_at=version.updated_at,
        name=version.name,
        message=version.message,
        job=view.job(version.job_id),
        readme=version.readme,
        created_by=models.Creator(id=version.created_by, username=details.creator_name),
        archived=version.archived,
        matched_provisioners=view.matched(version.job_id),
        start_cost=version.start_cost,
        stop_cost=version.stop_cost,
        has_external_agent=version.has_external_agent,
    )


def parameter(document: Mapping[str, object]) -> models.TemplateVersionParameter:
    """A parameter, as the import stored it."""
    found = documents.parameter_from(document)
    return models.TemplateVersionParameter(
        name=found.name,
        display_name=found.display_name or None,
        description=found.description,
        type=found.type,
        form_type=found.form_type or None,
        mutable=found.mutable,
        default_value=found.default or "",
        icon=found.icon,
        options=[
            models.TemplateVersionParameterOption(
                name=option.name,
                description=option.description,
                value=option.value,
                icon=option.icon,
                cost=option.cost,
            )
            for option in found.options
        ],
        validation_error=found.validation_error or None,
        validation_regex=found.validation_regex or None,
        validation_min=found.validation_min,
        validation_max=found.validation_max,
        validation_monotonic=found.validation_monotonic or None,
        required=found.required,
        ephemeral=found.ephemeral,
    )


def preset(document: Mapping[str, object]) -> models.Preset:
    """A preset, as the import stored it."""
    found = documents.preset_from(document)
    return models.Preset(
        id=UUID(str(document["id"])),
        name=found.name,
        default=found.default,
        description=found.description or None,
        icon=found.icon or None,
        parameters=[
            models.PresetParameter(name=name, value=value) for name, value in found.parameters.items()
        ],
    )


def variables(version: TemplateVersion) -> list[models.TemplateVersionVariable]:
    """The variables of a version that was imported, without the values that are secret."""
    shown = []
    for document in version.variables:
        # While the import runs, only values are known, and not which of them are secret.
        if "type" not in document:
            continue
        found = documents.variable_from(document)
        given = documents.shown_value(document)
        default = "" if found.sensitive else found.default or ""
        shown.append(
            models.TemplateVersionVariable(
                name=found.name,
                description=found.description,
                type=found.type,
                value=default if given is None else given,
                default_value=default,
                required=found.required,
                sensitive=found.sensitive,
            )
        )
    return shown
