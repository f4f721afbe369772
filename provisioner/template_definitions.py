"""Parameters, presets, variables and agents as template files write them."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from provisioner.parameters import TYPES
from provisioner.protocol import Agent, Parameter, ParameterOption, Preset, Variable

if TYPE_CHECKING:
    from provisioner.template_section import Section

_INT32_MAX = 2**31 - 1


def parameter_in(section: Section) -> Parameter:
    """The parameter that the section defines.

    Raises:
        TemplateInvalid: a key is missing, unknown or mistyped.
    """
    default = section.value("default")
    required = section.flag("required", default=default is None)
    if required and default is not None:
        raise section.mistake("required", "contradicts the default")
    if not required and default is None:
        raise section.mistake("default", "is missing, and the parameter is not required")
    rules = section.section("validation")
    parameter = Parameter(
        name=_name(section),
        type=section.word("type", TYPES, "string"),
        display_name=section.text("display_name"),
        description=section.text("description"),
        icon=section.text("icon"),
        default=default,
        mutable=section.flag("mutable", default=True),
        ephemeral=section.flag("ephemeral"),
        form_type=section.text("form_type"),
        options=tuple(map(_option, section.sections("options"))),
        validation_regex=rules.text("regex") if rules else "",
        validation_error=rules.text("error") if rules else "",
        validation_min=rules.optional_integer("min") if rules else None,
        validation_max=rules.optional_integer("max") if rules else None,
        validation_monotonic=rules.text("monotonic") if rules else "",
    )
    if rules:
        rules.close()
    section.close()
    return parameter


def preset_in(section: Section) -> Preset:
    """The preset that the section defines.

    Raises:
        TemplateInvalid: a key is missing, unknown or mistyped.
    """
    preset = Preset(
        name=_name(section),
        parameters=section.values("parameters"),
        default=section.flag("default"),
        description=section.text("description"),
        icon=section.text("icon"),
    )
    section.close()
    return preset


def variable_in(section: Section) -> Variable:
    """The template variable that the section defines.

    Raises:
        TemplateInvalid: a key is missing, unknown or mistyped.
    """
    variable = Variable(
        name=_name(section),
        type=section.word("type", TYPES, "string"),
        description=section.text("description"),
        default=section.value("default"),
        sensitive=section.flag("sensitive"),
    )
    section.close()
    return variable


def agent_in(section: Section) -> Agent:
    """The agent that the section defines.

    Raises:
        TemplateInvalid: a key is missing, unknown or mistyped.
    """
    timeout_seconds = section.integer("connection_timeout_seconds", 120, minimum=0, maximum=_INT32_MAX)
    agent = Agent(
        name=_name(section),
        order=section.integer("order", minimum=-_INT32_MAX, maximum=_INT32_MAX),
        startup_script=section.text("startup_script"),
        connection_timeout=timedelta(seconds=timeout_seconds),
    )
    section.close()
    return agent


def _option(section: Section) -> ParameterOption:
    value = section.value("value")
    if value is None:
        raise section.mistake("value", "is missing")
    option = ParameterOption(
        name=section.text("name", value),
        value=value,
        description=section.text("description"),
        icon=section.text("icon"),
        cost=section.integer("cost", minimum=0),
    )
    section.close()
    return option


def _name(section: Section) -> str:
    name = section.text("name", None)
    if not name.strip() or not name.isprintable():
        raise section.mistake("name", "must not be empty, nor contain control characters")
    return name
