"""What a plan would make and cost, and what a state holds, read from ``terraform show -json``."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from itertools import chain
from typing import TYPE_CHECKING

from provisioner.errors import ProvisionerError
from provisioner.protocol import Agent, MetadataItem, Parameter, Preset, Resource
from provisioner.provisioners.terraform import coder
from provisioner.provisioners.terraform.redaction import MASK
from provisioner.provisioners.terraform.untrusted_json import (
    integer,
    items,
    mapping,
    mappings,
    text,
    value_text,
    walk_texts,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

COST_OUTPUT = "daily_cost"
AGENTS_OUTPUT = "agents"
_VALUE_LIMIT = 4096
_MAX_CREDITS = 2**63 - 1
_AGENT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}")


class OutputInvalid(ProvisionerError):
    """An output with a meaning for us has a value that cannot have it."""

    code = "TERRAFORM_OUTPUT_INVALID"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """What a plan says."""

    cost: int
    unknown_costs: tuple[str, ...]
    resources: tuple[Resource, ...]
    parameters: tuple[Parameter, ...]
    presets: tuple[Preset, ...]


def planned(plan: Mapping[str, object]) -> Planned:
    """What the plan would make and cost.

    Raises:
        OutputInvalid: the output ``daily_cost`` or ``agents`` has a value that it cannot have.
    """
    future = mapping(plan.get("planned_values"))
    outputs = _outputs(future)
    known = [*_resources(future), *_resources(mapping(mapping(plan.get("prior_state")).get("values")))]
    data = [resource for resource in known if resource.get("mode") == "data"]
    charged = [r for r in known if r.get("type") == coder.METADATA and _counts(r, future)]
    total = sum((_number(mapping(r.get("values")).get("daily_cost")) for r in charged), _output_cost(outputs))
    return Planned(
        cost=max(0, math.ceil(total)),
        unknown_costs=tuple(_unknown_costs(plan)),
        resources=_listed(future, outputs),
        parameters=tuple(coder.parameters(data)),
        presets=tuple(coder.presets(data)),
    )


def existing(state: Mapping[str, object]) -> tuple[Resource, ...]:
    """What the state holds, outputs and agents included.

    Raises:
        OutputInvalid: the output ``daily_cost`` or ``agents`` has a value that it cannot have.
    """
    values = mapping(state.get("values"))
    return _listed(values, _outputs(values))


def sensitive_texts(values: Mapping[str, object]) -> Iterator[str]:
    """Every text inside the sensitive outputs of ``values``, the part of a plan or a state."""
    for output in mapping(values.get("outputs")).values():
        if mapping(output).get("sensitive") is True:
            yield from walk_texts(mapping(output).get("value"))


def _resources(values: Mapping[str, object]) -> Iterator[Mapping[str, object]]:
    """The resources of all modules."""
    modules = [mapping(values.get("root_module"))]
    while modules:
        module = modules.pop()
        yield from mappings(module.get("resources"))
        modules.extend(mappings(module.get("child_modules")))


def _outputs(values: Mapping[str, object]) -> dict[str, Mapping[str, object]]:
    return {name: mapping(output) for name, output in mapping(values.get("outputs")).items()}


def _counts(resource: Mapping[str, object], future: Mapping[str, object]) -> bool:
    # Of what already exists only data resources count: the rest stands in the plan, or will be destroyed.
    return resource.get("mode") == "data" or any(resource is each for each in _resources(future))


def _unknown_costs(plan: Mapping[str, object]) -> Iterator[str]:
    for change in mappings(plan.get("resource_changes")):
        unknown = mapping(mapping(change.get("change")).get("after_unknown"))
        if change.get("type") == coder.METADATA and unknown.get("daily_cost") is True:
            yield text(change.get("address"))
    change = mapping(mapping(plan.get("output_changes")).get(COST_OUTPUT))
    if change.get("after_unknown") is True:
        yield f"output.{COST_OUTPUT}"


def _output_cost(outputs: Mapping[str, Mapping[str, object]]) -> Decimal:
    value = outputs.get(COST_OUTPUT, {}).get("value")
    if value is None:
        return Decimal(0)
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        raise OutputInvalid(f'output "{COST_OUTPUT}" is not a number')
    if not -_MAX_CREDITS <= value <= _MAX_CREDITS:
        raise OutputInvalid(f'output "{COST_OUTPUT}" is larger than any quota')
    return Decimal(value)


def _number(value: object) -> Decimal:
    """``value``, which the provider's schema makes a number; 0 when there is none."""
    if isinstance(value, int | Decimal) and -_MAX_CREDITS <= value <= _MAX_CREDITS:
        return Decimal(value)
    return Decimal(0)


def _listed(
    values: Mapping[str, object], outputs: Mapping[str, Mapping[str, object]]
) -> tuple[Resource, ...]:
    managed = [r for r in _resources(values) if r.get("mode") == "managed"]
    facts = [r for r in managed if r.get("type") == coder.METADATA]
    return tuple(
        chain(
            (_resource(r, facts) for r in managed if not text(r.get("type")).startswith("coder_")),
            coder.agent_resources(managed),
            _outputs_resource(outputs),
        )
    )


def _resource(found: Mapping[str, object], facts: list[Mapping[str, object]]) -> Resource:
    resource_id = mapping(found.get("values")).get("id")
    about = next(
        (
            mapping(fact.get("values"))
            for fact in facts
            if resource_id is not None and mapping(fact.get("values")).get("resource_id") == resource_id
        ),
        {},
    )
    return Resource(
        type=text(found.get("type")),
        name=text(found.get("name")),
        daily_cost=max(0, math.ceil(_number(about.get("daily_cost")))),
        hide=about.get("hide") is True,
        icon=text(about.get("icon")),
        metadata=tuple(
            MetadataItem(
                key=text(item.get("key")),
                value=MASK if item.get("sensitive") is True else _shown(text(item.get("value"))),
                sensitive=item.get("sensitive") is True,
            )
            for item in mappings(about.get("item"))
        ),
    )


def _outputs_resource(outputs: Mapping[str, Mapping[str, object]]) -> Iterator[Resource]:
    """The outputs, as a resource that carries the agents. Secrets stay in the state."""
    if outputs:
        yield Resource(
            type="terraform_output",
            name="outputs",
            daily_cost=max(0, math.ceil(_output_cost(outputs))),
            agents=tuple(_agents(outputs)),
            metadata=tuple(
                MetadataItem(
                    key=name,
                    value=MASK if output.get("sensitive") is True else _shown(output["value"]),
                    sensitive=output.get("sensitive") is True,
                )
                for name, output in sorted(outputs.items())
                if "value" in output and name not in {COST_OUTPUT, AGENTS_OUTPUT}
            ),
        )


def _shown(value: object) -> str:
    return value_text(value)[:_VALUE_LIMIT]


def _agents(outputs: Mapping[str, Mapping[str, object]]) -> Iterator[Agent]:
    value = outputs.get(AGENTS_OUTPUT, {}).get("value")
    if value is None:
        return
    seen: set[str] = set()
    for item in items(value) if isinstance(value, list) else (None,):
        agent = mapping(item)
        name = text(agent.get("name"))
        if not _AGENT_NAME.fullmatch(name):
            raise OutputInvalid(
                f'output "{AGENTS_OUTPUT}" must be a list of objects,'
                " each with a name of letters, digits, - and _"
            )
        if name.lower() in seen:
            raise OutputInvalid(f'output "{AGENTS_OUTPUT}" names the agent "{name}" twice')
        seen.add(name.lower())
        yield Agent(
            name=name,
            order=integer(agent.get("order")),
            startup_script=text(agent.get("startup_script")),
            connection_timeout=timedelta(
                seconds=max(0, integer(agent.get("connection_timeout_seconds"), 120))
            ),
            troubleshooting_url=text(agent.get("troubleshooting_url")),
        )
