"""Arguments of a tool as a person types them: ``-a name=value``, with names where the tool wants ids."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, get_origin

from chattool.cli.command import WrongUsage
from db.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chattool.arguments import ToolArgs
    from chattool.cli.operations import Operations, Template

_IDS = {"template": "template_id", "preset": "preset_id"}


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


def from_pairs(model: type[ToolArgs], pairs: Sequence[str]) -> Mapping[str, object]:
    """The arguments written as ``name=value``; ``name.key=value`` sets one entry of a map.

    Raises:
        WrongUsage: a pair without ``=``, a name given twice, or one thing in two ways.
    """
    arguments: dict[str, object] = {}
    maps: dict[str, dict[str, object]] = {}
    for pair in pairs:
        name, separator, value = pair.partition("=")
        if not separator or not name:
            raise WrongUsage(f"-a takes name=value, not {pair!r}")
        target, key = arguments, name
        before, dot, entry = name.partition(".")
        if dot and _is_map(model, before):
            target, key = maps.setdefault(before, {}), entry
        if key in target:
            raise WrongUsage(f"{name} is given twice")
        target[key] = value
    for name in maps.keys() & arguments:
        raise WrongUsage(f"give either {name}={{...}} or {name}.NAME=value")
    for name, id_name in _IDS.items():
        if name in arguments and id_name in arguments:
            raise WrongUsage(f"give either {name}=NAME or {id_name}=ID")
    return {**arguments, **maps}


def _is_map(model: type[ToolArgs], name: str) -> bool:
    field = model.model_fields.get(name)
    return field is not None and get_origin(field.annotation) is dict


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
