"""Arguments of a tool as a person types them: ``-a name=value``, with names where the tool wants ids."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from chattool.cli.command import WrongUsage
from db.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.cli.operations import Operations, Template

_PARAMETER = "parameters."


def from_json(text: str) -> Mapping[str, object]:
    """The object that ``text`` is; ``-`` reads it from standard input.

    Raises:
        WrongUsage: it is no JSON object.
    """
    if text == "-":
        text = sys.stdin.read()
    try:
        arguments = json.loads(text)
    except ValueError as error:
        raise WrongUsage(f"--json takes the tool's arguments as one JSON object: {error}") from None
    if not isinstance(arguments, dict):
        raise WrongUsage("--json takes the tool's arguments as one JSON object, such as '{}'")
    return arguments


def from_pairs(pairs: Sequence[str]) -> Mapping[str, object]:
    """The arguments written as ``name=value``; ``parameters.NAME=value`` sets one template parameter.

    Raises:
        WrongUsage: a pair without ``=``, or a name given twice.
    """
    arguments: dict[str, object] = {}
    parameters: dict[str, object] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise WrongUsage(f"-a takes name=value, not {pair!r}")
        target, key = arguments, name
        if name.startswith(_PARAMETER):
            target, key = parameters, name.removeprefix(_PARAMETER)
        if key in target:
            raise WrongUsage(f"{name} is given twice")
        target[key] = value
    if parameters:
        if "parameters" in arguments:
            raise WrongUsage("give either parameters={...} or parameters.NAME=value")
        arguments["parameters"] = parameters
    return arguments


async def resolved(operations: Operations, given: Mapping[str, object]) -> Mapping[str, object]:
    """The arguments with ``template=NAME`` and ``preset=NAME`` replaced by the ids that the tool takes.

    Raises:
        NotFound: no such template, or it has no such preset.
    """
    arguments = dict(given)
    template_name = arguments.pop("template", None)
    if template_name is not None:
        arguments["template_id"] = str((await operations.template(str(template_name))).id)
    preset_name = arguments.pop("preset", None)
    if preset_name is not None:
        template = await operations.template(str(arguments.get("template_id", "")))
        arguments["preset_id"] = _preset_id(template, str(preset_name))
    return arguments


def _preset_id(template: Template, name: str) -> str:
    if template.version is None:
        raise NotFound(f"template {template.name!r} has no version yet")
    presets = template.version.presets
    ids = {str(preset["name"]).lower(): str(preset["id"]) for preset in presets}
    try:
        return ids[name.lower()]
    except KeyError:
        known = ", ".join(str(preset["name"]) for preset in presets) or "none"
        raise NotFound(f"template {template.name!r} has no preset {name!r}; it has: {known}") from None
