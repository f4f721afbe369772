"""Records of a template as JSON documents, as template versions store them."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from provisioner.protocol import Parameter, ParameterOption, Preset, Variable

if TYPE_CHECKING:
    from collections.abc import Mapping


def to_document(record: Parameter | Preset | Variable) -> dict[str, object]:
    """The record as a JSON object."""
    return asdict(record)


def parameter_from(document: Mapping[str, object]) -> Parameter:
    """The parameter that ``to_document`` wrote."""
    values = _values(Parameter, document)
    options = values.pop("options", ())
    return Parameter(
        **values,
        options=tuple(ParameterOption(**_values(ParameterOption, option)) for option in options),
    )


def preset_from(document: Mapping[str, object]) -> Preset:
    """The preset that ``to_document`` wrote."""
    return Preset(**_values(Preset, document))


def variable_from(document: Mapping[str, object]) -> Variable:
    """The variable that ``to_document`` wrote."""
    return Variable(**_values(Variable, document))


def _values(
    record: type[Parameter | ParameterOption | Preset | Variable], document: Mapping[str, object]
) -> dict[str, Any]:
    # Other keys stand beside ours (the id of a preset), and newer versions write more.
    names = {field.name for field in fields(record)}
    return {name: value for name, value in document.items() if name in names}
