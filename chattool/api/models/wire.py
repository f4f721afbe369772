"""What all models of the API have in common."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

if TYPE_CHECKING:
    from pydantic import GetJsonSchemaHandler
    from pydantic_core import CoreSchema

T = TypeVar("T")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _without_null_defaults(schema: dict[str, Any]) -> None:
    for field in schema.get("properties", {}).values():
        if "default" in field and field["default"] is None:
            del field["default"]


class Wire(BaseModel):
    """The root of what is answered."""

    model_config = ConfigDict(
        frozen=True, use_attribute_docstrings=True, json_schema_extra=_without_null_defaults
    )


class Wanted(BaseModel):
    """The root of what is asked for. Keys that are not ours are ignored, so Coder's clients work."""

    model_config = ConfigDict(frozen=True, use_attribute_docstrings=True)


class _NeverNull:
    """An absent field is left out, so the document does not say that it may be null."""

    @classmethod
    def __get_pydantic_json_schema__(
        cls, core_schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, Any]:
        schema = handler(core_schema)
        kinds = [each for each in schema.pop("anyOf", []) if each != {"type": "null"}]
        return {**(kinds[0] if len(kinds) == 1 else {"anyOf": kinds}), **schema} if kinds else schema


def _is_none(value: object) -> bool:
    return value is None


#: A field that is left out of the answer when it is ``None``.
Absent = Annotated[T | None, _NeverNull, Field(exclude_if=_is_none)]


#: A text that the databases can store.
Text = Annotated[str, Field(pattern=r"^[^\x00]*$")]


def _in_utc(moment: datetime) -> datetime:
    try:
        moment.astimezone(UTC)
    except OverflowError:
        message = "must lie between the years 1 and 9999 in UTC"
        raise ValueError(message) from None
    return moment


#: A moment that the databases can be asked about, wherever its clock stands.
Moment = Annotated[datetime, AfterValidator(_in_utc)]


def storable(text: str) -> bool:
    """Whether the databases can store the text: no NUL for PostgreSQL, and no half surrogate pair."""
    return not _UNSTORABLE.search(text)


class Message(Wire):
    """That something was done."""

    message: str
