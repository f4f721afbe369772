"""Templates that are written for the ``coder`` provider: its resources and data, as our records."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from provisioner.protocol import Agent, Parameter, ParameterOption, Preset, Resource
from provisioner.provisioners.terraform.untrusted_json import integer, mapping, mappings, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

METADATA = "coder_metadata"
_AGENT = "coder_agent"
_PARAMETER = "coder_parameter"
_PRESET = "coder_workspace_preset"


def agent_resources(resources: Iterable[Mapping[str, object]]) -> Iterator[Resource]:
    """One resource for each agent. In a plan an agent has no token yet."""
    for resource in resources:
        if resource.get("type") == _AGENT:
            name, values = text(resource.get("name")), mapping(resource.get("values"))
            agent = Agent(
                name=name,
                order=integer(values.get("order")),
                startup_script=text(values.get("startup_script")),
                connection_timeout=timedelta(seconds=max(0, integer(values.get("connection_timeout"), 120))),
                troubleshooting_url=text(values.get("troubleshooting_url")),
                token=text(values.get("token")),
            )
            yield Resource(type=_AGENT, name=name, agents=(agent,))


def parameters(data: Iterable[Mapping[str, object]]) -> Iterator[Parameter]:
    """The parameters that a plan's data resources define, in their order."""
    found = [mapping(resource.get("values")) for resource in data if resource.get("type") == _PARAMETER]
    for values in sorted(found, key=lambda each: integer(each.get("order"))):
        yield _parameter(values)


def presets(data: Iterable[Mapping[str, object]]) -> Iterator[Preset]:
    """The presets that a plan's data resources define."""
    for resource in data:
        if resource.get("type") == _PRESET:
            values = mapping(resource.get("values"))
            yield Preset(
                name=text(values.get("name")),
                parameters={name: text(value) for name, value in mapping(values.get("parameters")).items()},
                default=values.get("default") is True,
                description=text(values.get("description")),
                icon=text(values.get("icon")),
            )


def _parameter(values: Mapping[str, object]) -> Parameter:
    rule = next(mappings(values.get("validation")), {})
    default = values.get("default")
    return Parameter(
        name=text(values.get("name")),
        type=text(values.get("type")) or "string",
        display_name=text(values.get("display_name")),
        description=text(values.get("description")),
        icon=text(values.get("icon")),
        # The provider marks a parameter without a default as not optional.
        default=text(default) if default is not None and values.get("optional") is not False else None,
        mutable=values.get("mutable") is True,
        ephemeral=values.get("ephemeral") is True,
        form_type=text(values.get("form_type")),
        options=tuple(
            ParameterOption(
                name=text(option.get("name")),
                value=text(option.get("value")),
                description=text(option.get("description")),
                icon=text(option.get("icon")),
            )
            for option in mappings(values.get("option"))
        ),
        validation_regex=text(rule.get("regex")),
        validation_error=text(rule.get("error")),
        validation_min=_limit(rule, "min"),
        validation_max=_limit(rule, "max"),
        validation_monotonic=text(rule.get("monotonic")),
    )


def _limit(rule: Mapping[str, object], name: str) -> int | None:
    # A limit that is not given stands there as 0, together with the flag that it is none.
    if not rule or rule.get(f"{name}_disabled") is True or rule.get(name) is None:
        return None
    return integer(rule.get(name))
