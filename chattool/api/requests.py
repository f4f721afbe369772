"""What several routes read from a request besides its body."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated

from fastapi import Header, Query

from chattool.api.models.wire import storable
from chattool.identity import Caller
from db.errors import RequestError, Validation

#: A request that may be sent again: with a key that was used before, what was made then is answered.
IdempotencyKey = Annotated[
    str | None,
    Header(
        min_length=1,
        max_length=200,
        pattern=r"^[\x21-\x7e]+$",
        description="Of your choice. Sent again with the same key, the request answers what it made before.",
    ),
]
Tags = Annotated[
    str, Query(max_length=4096, description='Only what has these tags, as JSON: `{"zone":"a"}`.')
]
_LARGEST = 2**63 - 1


def scoped(caller: Caller, key: str | None) -> str | None:
    """The caller's key as it is stored: one user never meets the keys of another."""
    return None if key is None else f"http:{caller.user.id}:{key}"


def tags_of(text: str) -> Mapping[str, str] | None:
    """The tags of a query; ``None`` when none are asked for.

    Raises:
        RequestError: 400, it is no JSON object of texts.
    """
    if not text:
        return None
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or not all(isinstance(value, str) for value in found.values()):
        raise bad_query("tags", "must be a JSON object of texts")
    if not all(storable(part) for pair in found.items() for part in pair):
        raise bad_query("tags", "has a character that no tag can have")
    return found


def integer_of(name: str, text: str) -> int:
    """The number in a query; one that no id can reach is cut to the largest that can.

    Raises:
        RequestError: 400, it is none.
    """
    digits = text.strip()
    if not digits.removeprefix("-").isdecimal() or not digits.isascii():
        raise bad_query(name, "must be an integer")
    return max(-_LARGEST, min(int(digits), _LARGEST))


def refused(field: str, detail: str) -> RequestError:
    """The refusal of a field of the body."""
    return RequestError(400, detail, validations=[Validation(field=field, detail=detail)])


def bad_query(name: str, rule: str) -> RequestError:
    """The refusal of a parameter of the query; ``rule`` goes on after its name."""
    message = f'Query param "{name}" {rule}.'
    return RequestError(400, message, validations=[Validation(field=name, detail=message)])
