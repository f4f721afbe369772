"""Records of a template as JSON documents, as template versions store them."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from provisioner.protocol import Parameter, ParameterOption, Preset, Variable

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from db.secrets import Secrets


_VALUE = "value"
_SEALED = "sealed_value"


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


def given_value(name: str, value: str, secrets: Secrets) -> dict[str, object]:
    """A template variable of which only its value is known yet. It may be a secret, so it is sealed.

    Raises:
        NoSecretKey: nothing can be sealed here.
    """
    return {"name": name, _SEALED: secrets.sealed(value)}


def with_value(variable: Variable, value: str | None, secrets: Secrets) -> dict[str, object]:
    """The variable as a JSON object, together with the value it was given, if any; a sensitive one is sealed.

    Raises:
        NoSecretKey: nothing can be sealed here.
    """
    if value is None:
        return to_document(variable)
    kept = {_SEALED: secrets.sealed(value)} if variable.sensitive else {_VALUE: value}
    return {**to_document(variable), **kept}


def shown_value(document: Mapping[str, object]) -> str | None:
    """The value that a variable was given, unless it is or may be a secret."""
    return str(document[_VALUE]) if _VALUE in document and not document.get("sensitive") else None


def given_values(documents: Iterable[Mapping[str, object]], secrets: Secrets) -> dict[str, str]:
    """The values that template variables were given, by name.

    Raises:
        SecretUnreadable: one was sealed with another key.
    """
    return {
        # Versions from before values were sealed have them in plain.
        str(each["name"]): secrets.opened(str(each[_SEALED])) if _SEALED in each else str(each[_VALUE])
        for each in documents
        if _SEALED in each or _VALUE in each
    }


def sealed(documents: Iterable[Mapping[str, object]]) -> int:
    """How many of the variables have a value that is sealed."""
    return sum(_SEALED in each for each in documents)


def variable_values(documents: Sequence[Mapping[str, object]], secrets: Secrets) -> dict[str, str]:
    """The values in force: those that were given, else the defaults.

    Raises:
        SecretUnreadable: as above.
    """
    known = [variable_from(document) for document in documents]
    defaults = {variable.name: variable.default for variable in known if variable.default is not None}
    return defaults | given_values(documents, secrets)


def with_renewed_secrets(
    documents: Sequence[Mapping[str, object]], secrets: Secrets
) -> list[Mapping[str, object]]:
    """The same variables, with what is or has to be sealed sealed with the newest key.

    Raises:
        SecretUnreadable, NoSecretKey: nothing can be sealed, or opened, here.
    """
    return [_renewed(document, secrets) for document in documents]


def _renewed(document: Mapping[str, object], secrets: Secrets) -> Mapping[str, object]:
    if _SEALED in document:
        return {**document, _SEALED: secrets.renewed(str(document[_SEALED]))}
    if _VALUE in document and document.get("sensitive"):
        rest = {name: value for name, value in document.items() if name != _VALUE}
        return {**rest, _SEALED: secrets.sealed(str(document[_VALUE]))}
    return document


def _values(
    record: type[Parameter | ParameterOption | Preset | Variable], document: Mapping[str, object]
) -> dict[str, Any]:
    # Other keys stand beside ours (the id of a preset), and newer versions write more.
    names = {field.name for field in fields(record)}
    return {name: value for name, value in document.items() if name in names}
