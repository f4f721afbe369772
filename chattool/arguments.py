"""Arguments of tools: what models and hosts send, read leniently and refused clearly."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Any, TypeVar, get_args, get_origin
from uuid import UUID

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
)
from pydantic_core import PydanticCustomError

from db.errors import ToolInputError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from pydantic import ValidationInfo
    from pydantic_core import ErrorDetails

_LONGEST_JSON = 1 << 20
_LONGEST_ECHO = 80
_LONGEST_WAIT = timedelta(days=365)
_LARGEST_NUMBER = 2**63 - 1

_SECONDS_TEXT = "{field} must be a number of seconds, 0 or more"
_MAPPING_TEXT = "{field} must map names to strings"
OURS = "chattool"
NO_TEXT = "has characters that are no text"

_HINTS = {"template_id": "call list_templates"}


class ToolArgs(BaseModel):
    """The root of all argument models. Ids are plain text; the tool itself judges them."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)


def _name(value: object) -> str:
    # A name is never an argument error: what cannot be one gets a generated name.
    return value.encode(errors="replace").decode() if isinstance(value, str) else ""


def is_text(value: str) -> bool:
    """Whether all of it is characters. JSON can hold half of a surrogate pair, a file cannot."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _text(value: str, info: ValidationInfo) -> str:
    if not is_text(value):
        raise PydanticCustomError(OURS, "{field} " + NO_TEXT, {"field": info.field_name or ""})
    return value


def _wait(value: object, info: ValidationInfo) -> float:
    # To wait for less than nothing is harmless, and means not to wait.
    return max(_seconds(value, info), 0.0)


def _time_limit(value: object, info: ValidationInfo) -> float:
    seconds = _seconds(value, info)
    if seconds < 0:
        raise PydanticCustomError(OURS, _SECONDS_TEXT, {"field": info.field_name or ""})
    return seconds


def _seconds(value: object, info: ValidationInfo) -> float:
    try:
        seconds = float(value) if isinstance(value, str | int | float) else math.nan
    except (ValueError, OverflowError):
        seconds = math.nan
    if isinstance(value, bool) or not math.isfinite(seconds):
        raise PydanticCustomError(OURS, _SECONDS_TEXT, {"field": info.field_name or ""})
    return min(seconds, _LONGEST_WAIT.total_seconds())


def _whole_number(value: object, info: ValidationInfo) -> int:
    try:
        number = int(value) if isinstance(value, str | int | float) else None
    except (ValueError, OverflowError):
        number = None
    if number is None or isinstance(value, bool) or (isinstance(value, float) and number != value):
        raise PydanticCustomError(OURS, "{field} must be a whole number", {"field": info.field_name or ""})
    return min(max(number, -_LARGEST_NUMBER), _LARGEST_NUMBER)


def _counting_number(value: object, info: ValidationInfo) -> int:
    number = _whole_number(value, info)
    if number < 1:
        text = "{field} must be a whole number, 1 or more"
        raise PydanticCustomError(OURS, text, {"field": info.field_name or ""})
    return number


def _texts_by_name(value: object, info: ValidationInfo) -> dict[str, str]:
    try:
        texts: dict[str, str] = {}
        for name, given in _pairs(_from_json(value) if isinstance(value, str) else value):
            texts[_new_name(name, texts)] = _plain_text(given)
    except _NoMapping:
        raise PydanticCustomError(OURS, _MAPPING_TEXT, {"field": info.field_name or ""}) from None
    return texts


def _new_name(name: object, known: Mapping[str, str]) -> str:
    if isinstance(name, str) and name not in known:
        return name
    raise _NoMapping


class _NoMapping(Exception):
    """It does not map names to strings."""


def _from_json(text: str) -> object:
    if not text.strip():
        return {}
    try:
        # As pairs, so that a name given twice is seen.
        return json.loads(text, object_pairs_hook=_Pairs)
    except (ValueError, RecursionError):
        raise _NoMapping from None


class _Pairs(list[tuple[str, object]]):
    """A JSON object, in which a key may occur twice."""


def _pairs(value: object) -> Iterable[tuple[object, object]]:
    if isinstance(value, _Pairs):
        return value
    if isinstance(value, Mapping):
        return value.items()
    if isinstance(value, list):
        return [_name_and_value(item) for item in value]
    raise _NoMapping


def _name_and_value(item: object) -> tuple[object, object]:
    if isinstance(item, _Pairs | Mapping):
        pairs = list(_pairs(item))
        if len(pairs) == 2 and dict(pairs).keys() == {"name", "value"}:  # noqa: PLR2004 - both keys, once
            return dict(pairs)["name"], dict(pairs)["value"]
    raise _NoMapping


def _plain_text(value: object) -> str:
    if isinstance(value, str):
        return value
    try:
        if isinstance(value, bool | int | float):
            return json.dumps(value, allow_nan=False)
    except ValueError:  # not a number, or one with thousands of digits
        pass
    raise _NoMapping


Name = Annotated[str, BeforeValidator(_name)]
Seconds = Annotated[float, BeforeValidator(_wait), Field(json_schema_extra={"minimum": 0})]
TimeLimit = Annotated[float, BeforeValidator(_time_limit), Field(json_schema_extra={"minimum": 0})]
WholeNumber = Annotated[int, BeforeValidator(_whole_number)]
CountingNumber = Annotated[int, BeforeValidator(_counting_number)]
# Values that are the template's or the workspace's business are not trimmed.
Verbatim = Annotated[str, StringConstraints(strip_whitespace=False), AfterValidator(_text)]
TextsByName = Annotated[dict[str, Verbatim], BeforeValidator(_texts_by_name)]


#: The key, in the schema of an argument that bounds a wait, of the tool that goes on waiting afterwards.
GOES_ON_WITH = "x-goes-on-with"


def wait_field(what: str, *, goes_on_with: str = "wait_for_workspace") -> Any:  # noqa: ANN401 - as pydantic's
    """The field ``wait_seconds`` of a tool that waits for ``what``.

    What it means to leave it out differs from surface to surface; ``schemas`` adds it.
    """
    return Field(
        default=None,
        description=f"How many seconds to wait in all for {what}. 0: do not wait.",
        json_schema_extra={GOES_ON_WITH: goes_on_with},
    )


class CreateWorkspaceArgs(ToolArgs):
    """Arguments of ``create_workspace``."""

    template_id: str = Field(description="Id of the template to build from, as list_templates gives it.")
    name: Name = Field(default="", description="Name of the new workspace. Left out: one is made up.")
    parameters: TextsByName = Field(
        default_factory=dict,
        description="Values of template parameters by name. Only what the user asked for.",
    )
    preset_id: str | None = Field(
        default=None, description="Id of a preset of the template, as read_template gives it."
    )
    wait_seconds: Seconds | None = wait_field("the workspace to be usable")


class StartWorkspaceArgs(ToolArgs):
    """Arguments of ``start_workspace``."""

    parameters: TextsByName = Field(
        default_factory=dict,
        description="New values of template parameters by name. Only when the user asked for them, "
        "or an earlier error demanded them.",
    )
    wait_seconds: Seconds | None = wait_field("the workspace to be usable")


class StopWorkspaceArgs(ToolArgs):
    """Arguments of ``stop_workspace``."""

    wait_seconds: Seconds | None = wait_field("the workspace to have stopped")


class WaitForWorkspaceArgs(ToolArgs):
    """Arguments of ``wait_for_workspace``."""

    build_id: str | None = Field(
        default=None,
        description="Id of the build, as an earlier answer gave it. Left out: the workspace's newest build.",
    )
    wait_seconds: Seconds | None = wait_field("the build to end and the workspace to be usable")


A = TypeVar("A", bound=ToolArgs)


def parsed(model: type[A], given: Mapping[str, object] | str | None) -> A:
    """The arguments: an object, JSON text of one, or none at all. Nulls count as left out.

    Raises:
        ToolInputError: one sentence per problem, without the values that were given.
    """
    fields = {
        name: _list_from_text(model, name, value)
        for name, value in _object(given).items()
        if value is not None
    }
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False)
        problems = [_sentence(problem, model.model_fields) for problem in found]
        raise ToolInputError(". ".join(dict.fromkeys(problems))) from None


def wait_bound(wait_seconds: float | None) -> timedelta | None:
    """The bound of a whole call; ``None`` leaves it to the settings."""
    return None if wait_seconds is None else timedelta(seconds=wait_seconds)


def uuid_of(field: str, text: str) -> UUID:
    """The id in an argument.

    Raises:
        ToolInputError: it is none.
    """
    try:
        return UUID(text)
    except ValueError:
        raise ToolInputError(f"invalid {field}: {echo(text)} is not an id{hint(field)}") from None


def required_uuid(field: str, text: str) -> UUID:
    """The id in an argument that must not be blank.

    Raises:
        ToolInputError: it is blank, or no id.
    """
    if not text:
        raise ToolInputError(f"{field} is required{hint(field)}")
    return uuid_of(field, text)


def echo(text: str) -> str:
    """What the model sent, short enough to be shown to it again."""
    return repr(text if len(text) <= _LONGEST_ECHO else text[:_LONGEST_ECHO] + "…")


def hint(field: str) -> str:
    """Where the value of an argument comes from, to be appended to a sentence."""
    return f"; {_HINTS[field]}" if field in _HINTS else ""


def _object(given: Mapping[str, object] | str | None) -> Mapping[str, object]:
    if isinstance(given, str):
        if len(given) > _LONGEST_JSON:
            raise ToolInputError("the arguments are too long")
        try:
            given = json.loads(given) if given.strip() else None
        except (ValueError, RecursionError):
            raise ToolInputError("the arguments must be one JSON object") from None
    if given is None:
        return {}
    if not isinstance(given, Mapping):
        raise ToolInputError("the arguments must be one JSON object")
    return given


def _list_from_text(model: type[ToolArgs], name: str, value: object) -> object:
    """The value; where a list is expected, what JSON text of one says, as some hosts send it."""
    field = model.model_fields.get(name)
    if field is None or not isinstance(value, str):
        return value
    kinds = {get_origin(kind) for kind in (field.annotation, *get_args(field.annotation))}
    try:
        return json.loads(value) if kinds & {list, tuple} else value
    except (ValueError, RecursionError):
        return value


def _sentence(problem: ErrorDetails, known: Iterable[str]) -> str:
    field = str(problem["loc"][0]) if problem["loc"] else "arguments"
    match problem["type"]:
        case "extra_forbidden":
            return f'unknown argument "{field[:_LONGEST_ECHO]}"; there are: {", ".join(known) or "none"}'
        case "missing":
            return f"{field} is required{hint(field)}"
        case "string_unicode":
            return f"{field} {NO_TEXT}"
        case kind if kind == OURS:
            return problem["msg"]
        case _:
            return f"{field} must be text{hint(field)}"
