"""The tool ``read_template``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool import arguments as tool_arguments
from chattool.active_version import active_version, estimated_cost
from chattool.errors import ToolError
from chattool.inspection import Inspection, answer
from chattool.inspection_results import (
    ParameterItem,
    ParameterOptionItem,
    ParameterValue,
    PresetItem,
    ReadTemplateResult,
    TemplateDescription,
)
from chattool.quota_lookup import owner_quota
from chattool.readme import cleaned, shortened
from chattool.results import QuotaFigures
from db.ids import TemplateId

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.backend import Actor, Quota, Template, TemplateVersion
    from chattool.context import ToolContext
    from chattool.inspection_arguments import ReadTemplateArgs
    from chattool.inspection_backend import Preset
    from chattool.results import ToolResponse
    from provisioner.protocol import Parameter

TITLE = "Read template"
DESCRIPTION = (
    "Read one template, before create_workspace is called. Answers its parameters, its presets, its readme, "
    "and what a workspace of it is expected to cost next to the owner's quota. Get the template_id from "
    "list_templates. Ask the user for required parameters that have no obvious value. The cost is an "
    "estimate; the build itself decides. Changes nothing."
)

_README_CHARACTERS = 8000
_DESCRIPTION_CHARACTERS = 300
_NOT_FOUND = "template not found"
_RECORDED = "Defaults are those recorded at template import; a build may come to others."
_IMPORTING = (
    "The template's version is still importing, so its parameters are not known yet; read it again shortly."
)
_EVALUATED = "Defaults are the values a build for this workspace owner uses."


async def read_template(context: ToolContext, arguments: ReadTemplateArgs) -> ToolResponse:
    """What there is to know about a template before a workspace is made from it."""
    return await answer(_read(Inspection(context, "read_template"), arguments))


async def _read(call: Inspection, arguments: ReadTemplateArgs) -> ReadTemplateResult:
    template_id = TemplateId(tool_arguments.required_uuid("template_id", arguments.template_id))
    actor = await call.owner()
    template = await _template(call, actor, template_id)
    version = await active_version(call, actor, template)
    importing = version is not None and version.importing
    parameters, presets = ((), ()) if importing else await _content(call, actor, template)
    quota = await owner_quota(call, template.organization_id)
    return ReadTemplateResult(
        template=_description(template, version),
        parameters=parameters,
        parameters_note=_note(importing=importing, evaluated=call.backend.evaluates_defaults),
        presets=presets or None,
        estimated_cost=estimated_cost(version),
        quota=None if quota is None else _figures(quota),
    )


async def _template(call: Inspection, actor: Actor, template_id: TemplateId) -> Template:
    allowed = call.context.allowed_template_ids
    if allowed and template_id not in allowed:
        raise ToolError(_NOT_FOUND)
    template = await call.found(
        "failed to get template", lambda: call.backend.template(actor, template_id), missing=_NOT_FOUND
    )
    if template.organization_id != call.context.organization_id:
        raise ToolError(_NOT_FOUND)
    return template


async def _content(
    call: Inspection, actor: Actor, template: Template
) -> tuple[tuple[ParameterItem, ...], tuple[PresetItem, ...]]:
    backend, version_id = call.backend, template.active_version_id
    parameters = await call.read(
        "failed to get template parameters", lambda: backend.template_parameters(actor, version_id)
    )
    presets = await call.read(
        "failed to get template presets", lambda: backend.template_presets(actor, version_id)
    )
    values = (
        await call.read(
            "failed to get preset parameters", lambda: backend.preset_parameters(actor, version_id)
        )
        if presets
        else {}
    )
    return (
        tuple(_parameter(parameter) for parameter in parameters),
        tuple(_preset(preset, values.get(preset.id, {})) for preset in presets),
    )


def _description(template: Template, version: TemplateVersion | None) -> TemplateDescription:
    return TemplateDescription(
        id=template.id,
        name=template.name,
        active_version_id=template.active_version_id,
        display_name=template.display_name or None,
        description=template.description or None,
        readme=(cleaned(version.readme, _README_CHARACTERS) or None) if version else None,
    )


def _figures(quota: Quota) -> QuotaFigures:
    return QuotaFigures(credits_consumed=quota.credits_consumed, budget=quota.budget)


def _note(*, importing: bool, evaluated: bool) -> str:
    if importing:
        return _IMPORTING
    return _EVALUATED if evaluated else _RECORDED


def _parameter(parameter: Parameter) -> ParameterItem:
    return ParameterItem(
        name=parameter.name,
        type=parameter.type,
        required=parameter.required,
        mutable=parameter.mutable,
        display_name=parameter.display_name or None,
        description=shortened(parameter.description, _DESCRIPTION_CHARACTERS) or None,
        default=parameter.default or None,
        ephemeral=True if parameter.ephemeral else None,
        form_type=parameter.form_type or None,
        options=_options(parameter) or None,
        validation_regex=parameter.validation_regex or None,
        validation_min=parameter.validation_min,
        validation_max=parameter.validation_max,
    )


def _options(parameter: Parameter) -> tuple[ParameterOptionItem, ...]:
    return tuple(
        ParameterOptionItem(
            name=option.name,
            value=option.value,
            description=shortened(option.description, _DESCRIPTION_CHARACTERS) or None,
            cost=option.cost or None,
        )
        for option in parameter.options
    )


def _preset(preset: Preset, values: Mapping[str, str]) -> PresetItem:
    return PresetItem(
        id=preset.id,
        name=preset.name,
        default=preset.default,
        parameters=tuple(ParameterValue(name=name, value=value) for name, value in values.items()),
        description=preset.description or None,
        icon=preset.icon or None,
    )
