"""Records of a template as JSON documents, as template versions store them."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from provisioner.protocol import Parameter, ParameterOption, Preset, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence


_VALUE = "value"


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


def given_value(name: str, value: str) -> dict[str, object]:
    """A template variable of which only its value is known yet."""
    return {"name": name, _VALUE: value}


def with_value(variable: Variable, value: str | None) -> dict[str, object]:
    """The variable as a JSON object, together with the value it was given, if any.

    Only ``variable_values`` reads that value back: it may be a secret.
    """
    return to_document(variable) if value is None else {**to_document(variable), _VALUE: value}


def given_values(documents: Iterable[Mapping[str, object]]) -> dict[str, str]:
    """The values that template variables were given, by name."""
    return {str(each["name"]): str(each[_VALUE]) for each in documents if _VALUE in each}


def variable_values(documents: Sequence[Mapping[str, object]]) -> dict[str, str]:
    """The values in force: those that were given, else the defaults."""
    known = [variable_from(document) for document in documents]
    defaults = {variable.name: variable.default for variable in known if variable.default is not None}
    return defaults | given_values(documents)


def _values(
    record: type[Parameter | ParameterOption | Preset | Variable], document: Mapping[str, object]
) -> dict[str, Any]:
    # Other keys stand beside ours (the id of a preset), and newer versions write more.
    names = {field.name for field in fields(record)}
    return {name: value for name, value in document.items() if name in names}
