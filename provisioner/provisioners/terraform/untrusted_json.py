"""Terraform's JSON, read without trusting its shape: what is missing or of another kind reads as empty."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING

from provisioner.errors import ProvisionerError

if TYPE_CHECKING:
    from collections.abc import Iterator

# Larger ones mean nothing here: they are seconds, and places in lists and files.
_MAX_INTEGER = 2**31 - 1


class TerraformAnswerInvalid(ProvisionerError):
    """Terraform answered with something that cannot be read."""

    code = "TERRAFORM_ANSWER_INVALID"


def document(data: bytes) -> Mapping[str, object]:
    """The JSON object in ``data``; fractions as ``Decimal``.

    Raises:
        TerraformAnswerInvalid: there is none.
    """
    try:
        value = json.loads(data, parse_float=Decimal)
    except (ValueError, RecursionError) as error:
        raise TerraformAnswerInvalid(f"terraform's answer is no JSON: {error}") from error
    if not isinstance(value, dict):
        raise TerraformAnswerInvalid("terraform's answer is no JSON object")
    return value


def mapping(value: object) -> Mapping[str, object]:
    """``value``, or an empty mapping."""
    return value if isinstance(value, Mapping) else {}


def items(value: object) -> Sequence[object]:
    """``value``, or an empty list."""
    return value if isinstance(value, list) else ()


def mappings(value: object) -> Iterator[Mapping[str, object]]:
    """The objects in the list ``value``."""
    return (item for item in items(value) if isinstance(item, Mapping))


def text(value: object) -> str:
    """``value``, or an empty text."""
    return value if isinstance(value, str) else ""


def integer(value: object, default: int = 0) -> int:
    """``value`` as a whole number, or ``default``."""
    if isinstance(value, bool) or not isinstance(value, int | Decimal):
        return default
    # Taking apart a number like 1e999999999 would never end.
    return int(value) if -_MAX_INTEGER <= value <= _MAX_INTEGER else default


def value_text(value: object) -> str:
    """A value as one line of text: texts as they are, everything else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, default=str, ensure_ascii=False)


def walk_texts(value: object) -> Iterator[str]:
    """Every text that stands somewhere in ``value``; numbers as texts too."""
    waiting = [value]
    while waiting:
        found = waiting.pop()
        if isinstance(found, Mapping):
            waiting.extend(found.values())
        elif isinstance(found, list):
            waiting.extend(found)
        elif isinstance(found, str | int | Decimal) and not isinstance(found, bool):
            yield str(found)
