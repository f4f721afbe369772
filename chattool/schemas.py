"""JSON schemas of the tools, as hosts and models want them: plain, without references, strict on request.

Converters of frameworks lose what they cannot say (a map in strict mode becomes an empty object), so these
are written here, and adapters hand them over as they are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chattool.arguments import GOES_ON_WITH

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from chattool.settings import WaitBounds
    from chattool.tool import Tool

Schema = dict[str, Any]

#: What the strict form cannot say is told in the description, and enforced when the tool is called.
_LIMITS = {
    "default": "Default: {}.",
    "minimum": "At least {}.",
    "maximum": "At most {}.",
    "minLength": "At least {} characters.",
    "maxLength": "At most {} characters.",
    "pattern": "Must match {}.",
    "format": "Format: {}.",
    "minItems": "At least {} items.",
    "maxItems": "At most {} items.",
}
_WAIT = "wait_seconds"
_NULL: Schema = {"type": "null"}
_CHAT_ID: Schema = {
    "type": "string",
    "description": "The conversation that is meant. Leave it out unless an earlier answer gave one.",
}
_ENVELOPE: dict[str, Schema] = {
    "ok": {"type": "boolean"},
    "chat_id": {"type": "string"},
    "error": {"type": "string"},
    "shortened": {"type": "boolean"},
}
_NAME_VALUE: Schema = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "value": {"type": "string"}},
    "required": ["name", "value"],
    "additionalProperties": False,
}


def render(
    tool: Tool[Any], *, strict: bool = False, wait: WaitBounds | None = None, with_chat_id: bool = False
) -> Schema:
    """The schema of the tool's arguments. A tool reads what was written for either form of it.

    ``strict`` is for providers that hold the model to the schema: every property is required, what was
    optional may be null, a map is a list of ``{name, value}``, and limits are told in the descriptions.
    ``wait`` says how long calls wait where the host has limits of its own; ``with_chat_id`` adds the
    argument ``chat_id``.
    """
    schema = _without(_plain(tool.args.model_json_schema()), "description")
    properties = schema["properties"]
    if _WAIT in properties:
        properties[_WAIT] = _with_wait_limits(properties[_WAIT], wait)
    if with_chat_id:
        properties["chat_id"] = _CHAT_ID
    return _strict(schema) if strict else schema


def output_schema(tool: Tool[Any]) -> Schema:
    """One schema for everything that the tool's envelope can be, failures included.

    Raises:
        ValueError: two of its results mean different things by one key.
    """
    properties: dict[str, Schema] = dict(_ENVELOPE)
    for model in tool.results:
        schema = _open(_plain(model.model_json_schema(mode="serialization")))
        for name, found in schema["properties"].items():
            if properties.setdefault(name, found) != found:
                raise ValueError(f"the results of {tool.name} differ about {name!r}")
    return {"type": "object", "properties": properties, "required": ["ok"]}


def described(
    tools: Iterable[Tool[Any]], *, strict: bool = False, wait: WaitBounds | None = None
) -> list[dict[str, Any]]:
    """``name``, ``description`` and ``parameters`` of each tool, as most providers take them."""
    return [
        {
            "name": tool.name,
            "description": tool.description,
            "parameters": render(tool, strict=strict, wait=wait),
        }
        for tool in tools
    ]


def _with_wait_limits(schema: Schema, wait: WaitBounds | None) -> Schema:
    limited = _without(schema, GOES_ON_WITH)
    if wait is not None:
        limited["maximum"] = round(wait.longest.total_seconds())
    if GOES_ON_WITH not in schema:  # it says itself what it means to leave it out
        return limited
    if wait is None:
        limited["description"] += " Left out: until it is done."
        return limited
    default = round(wait.default.total_seconds())
    then = f"What takes longer goes on; call {schema[GOES_ON_WITH]} then."
    limited["description"] += f" Left out: {default}. {then}"
    return limited | {"default": default}


def _plain(schema: Schema, definitions: Mapping[str, Schema] | None = None) -> Schema:
    """The schema that pydantic made, without references, titles, and the null of what may be left out."""
    definitions = schema.get("$defs", {}) if definitions is None else definitions
    if "$ref" in schema:
        definition = definitions[schema["$ref"].removeprefix("#/$defs/")]
        return _plain(_without(definition, "description") | _without(schema, "$ref"), definitions)
    variants = [variant for variant in schema.get("anyOf", ()) if variant != _NULL]
    if len(variants) == 1:
        return _plain(variants[0] | _without(schema, "anyOf"), definitions)
    plain = _without(schema, "$defs", "title")
    if not plain.get("default", True):  # the description says what it means to leave it out
        del plain["default"]
    return _rebuilt(plain, lambda part: _plain(part, definitions))


def _open(schema: Schema) -> Schema:
    """The schema of a result: hosts may find more in it than this version knows."""
    opened = _without(schema, "default", "description")
    if opened.get("format") == "uuid":
        del opened["format"]
    if opened.get("additionalProperties") is False:
        del opened["additionalProperties"]
    return _rebuilt(opened, _open)


def _strict(schema: Schema) -> Schema:
    if _is_map(schema):
        return _without(schema, "additionalProperties") | {"type": "array", "items": _NAME_VALUE}
    told = [text.format(schema[key]) for key, text in _LIMITS.items() if key in schema]
    strict = _rebuilt(_without(schema, *_LIMITS), _strict)
    if told:
        strict["description"] = " ".join([*filter(None, [schema.get("description")]), *told])
    if "properties" in strict:
        required = strict.get("required", ())
        strict["properties"] = {
            name: part if name in required else _nullable(part) for name, part in strict["properties"].items()
        }
        strict["required"] = list(strict["properties"])
    return strict


def _nullable(schema: Schema) -> Schema:
    # Not as a list of types: that crashes converters.
    described = {key: schema[key] for key in ("description",) if key in schema}
    return {"anyOf": [_without(schema, "description"), _NULL], **described}


def _is_map(schema: Schema) -> bool:
    return isinstance(schema.get("additionalProperties"), dict)


def _rebuilt(schema: Schema, change: Callable[[Schema], Schema]) -> Schema:
    """A copy with each schema inside it changed."""
    rebuilt = dict(schema)
    for key in ("items", "additionalProperties"):
        if isinstance(schema.get(key), dict):
            rebuilt[key] = change(schema[key])
    if "properties" in schema:
        rebuilt["properties"] = {name: change(part) for name, part in schema["properties"].items()}
    if "anyOf" in schema:
        rebuilt["anyOf"] = [change(part) for part in schema["anyOf"]]
    return rebuilt


def _without(schema: Schema, *keys: str) -> Schema:
    return {key: value for key, value in schema.items() if key not in keys}
