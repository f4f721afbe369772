"""Parameters of templates: the values of a build, and whether a template contradicts itself."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING

import regex

from db.errors import Validation
from db.states import Transition

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from provisioner.protocol import Parameter, Preset

TYPES = ("string", "number", "bool", "list(string)")
VALUE_LIMIT_BYTES = 8 << 10
"""Values come from agents and people, and are matched against patterns."""
PATTERN_LIMIT = timedelta(milliseconds=200)
"""For one match: some patterns take time that doubles with each character of the value."""


def validated(
    parameters: Sequence[Parameter],
    given: Mapping[str, str],
    previous: Mapping[str, str],
    *,
    first_build: bool,
    transition: Transition,
) -> tuple[dict[str, str], list[Validation]]:
    """The values of a build, and what is wrong with them, at most one validation per parameter.

    ``previous`` are the values of the workspace's last build, inherited unless ephemeral; defaults
    fill the rest. Inherited values are judged only on a start: what a newer template no longer
    accepts must not keep a workspace from being stopped or deleted.
    """
    known = {parameter.name for parameter in parameters}
    problems = {name: "The template has no such parameter." for name in given if name not in known}
    values: dict[str, str] = {}
    for parameter in parameters:
        name = parameter.name
        old = None if parameter.ephemeral or first_build else previous.get(name)
        value = given.get(name, parameter.default if old is None else old)
        problem = ""
        if value is None:
            if transition is Transition.START:
                problem = "A value is required."
        else:
            values[name] = value
            if transition is Transition.START or name in given:
                problem = value_problem(parameter, value) or _change_problem(parameter, value, old)
        if problem:
            problems[name] = problem
    return values, [Validation(field=name, detail=detail) for name, detail in problems.items()]


def value_problem(parameter: Parameter, value: str) -> str:
    """What is wrong with a value, as a sentence; empty when nothing is."""
    if len(value.encode(errors="surrogatepass")) > VALUE_LIMIT_BYTES:
        return f"The value is longer than {VALUE_LIMIT_BYTES} bytes."
    if _UNSTORABLE.search(value):
        return "The value contains a character that cannot be stored."
    match parameter.type:
        case "number":
            if not _NUMBER.fullmatch(value):
                return "The value must be a number."
        case "bool":
            if value not in {"true", "false"}:
                return 'The value must be "true" or "false".'
        case "list(string)":
            if _items(value) is None:
                return 'The value must be a JSON array of strings, like ["a", "b"].'
        case _:
            pass
    return _option_problem(parameter, value) or _rule_problem(parameter, value)


def start_cost(parameters: Iterable[Parameter], values: Mapping[str, str]) -> int:
    """Credits that the chosen options add to the cost of a start."""
    return sum(
        option.cost
        for parameter in parameters
        for option in parameter.options
        if option.value in _chosen(parameter, values.get(parameter.name, parameter.default))
    )


def contradiction(parameters: Sequence[Parameter], presets: Sequence[Preset]) -> str:
    """Why these cannot stand together in one template; empty when they can."""
    if name := _repeated(parameter.name for parameter in parameters):
        return f'parameter "{name}" is defined twice'
    for parameter in parameters:
        if problem := next(_definition_problems(parameter), None):
            return f'parameter "{parameter.name}": {problem}'
    if name := _repeated(preset.name for preset in presets):
        return f'preset "{name}" is defined twice'
    if sum(preset.default for preset in presets) > 1:
        return "more than one preset is the default"
    by_name = {parameter.name: parameter for parameter in parameters}
    for preset in presets:
        if problem := _preset_problem(preset, by_name):
            return f'preset "{preset.name}": {problem}'
    return ""


_NUMBER = re.compile(r"-?[0-9]{1,30}(?:\.[0-9]{1,30})?")
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")


def _change_problem(parameter: Parameter, value: str, old: str | None) -> str:
    if old is None or value == old or value_problem(parameter, old):
        # What the template no longer accepts has to be changed, even where it is immutable.
        return ""
    if not parameter.mutable:
        return "The value cannot be changed after the workspace was created."
    if parameter.type == "number":
        if parameter.validation_monotonic == "increasing" and Decimal(value) < Decimal(old):
            return f"The value must not be smaller than the last one, {old}."
        if parameter.validation_monotonic == "decreasing" and Decimal(value) > Decimal(old):
            return f"The value must not be larger than the last one, {old}."
    return ""


def _option_problem(parameter: Parameter, value: str) -> str:
    allowed = [option.value for option in parameter.options]
    if not allowed or value in allowed:
        return ""
    if parameter.type == "list(string)" and set(_items(value) or ()) <= set(allowed):
        return ""
    return f"The value must be one of: {', '.join(allowed)}."


def _rule_problem(parameter: Parameter, value: str) -> str:
    if parameter.type == "number":
        number = Decimal(value)
        if parameter.validation_min is not None and number < parameter.validation_min:
            return parameter.validation_error or (f"The value must be at least {parameter.validation_min}.")
        if parameter.validation_max is not None and number > parameter.validation_max:
            return parameter.validation_error or (f"The value must be at most {parameter.validation_max}.")
    return _pattern_problem(parameter, value) if parameter.validation_regex else ""


def _pattern_problem(parameter: Parameter, value: str) -> str:
    pattern = parameter.validation_regex
    try:
        found = regex.search(pattern, value, timeout=PATTERN_LIMIT.total_seconds())
    except TimeoutError:
        return f"Matching the value against the pattern {pattern} takes too long."
    return "" if found else parameter.validation_error or f"The value must match the pattern {pattern}."


def _items(value: str) -> list[str] | None:
    """The strings of a JSON array; ``None`` when ``value`` is not one."""
    try:
        items = json.loads(value)
    except (ValueError, RecursionError):
        return None
    if isinstance(items, list) and all(isinstance(item, str) for item in items):
        return items
    return None


def _chosen(parameter: Parameter, value: str | None) -> set[str]:
    if value is None:
        return set()
    if parameter.type == "list(string)":
        return {value, *(_items(value) or ())}
    return {value}


def _repeated(names: Iterable[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _definition_problems(parameter: Parameter) -> Iterator[str]:
    """The parameter's mistakes; a later one is only looked for where no earlier one was found."""
    if not parameter.name:
        yield "the name is empty"
    if parameter.type not in TYPES:
        yield f'type "{parameter.type}" is none of {", ".join(TYPES)}'
    if parameter.ephemeral and parameter.default is None:
        yield "an ephemeral parameter needs a default"
    try:
        regex.compile(parameter.validation_regex)
    except (regex.error, RecursionError, OverflowError) as error:
        yield f"the regex is broken: {error}"
    yield from _range_problems(parameter)
    if value := _repeated(option.value for option in parameter.options):
        yield f'option value "{value}" is given twice'
    if parameter.default is not None:
        if _option_problem(parameter, parameter.default):
            yield f'default "{parameter.default}" is not among the options'
        if problem := value_problem(parameter, parameter.default):
            yield f'default "{parameter.default}": {problem}'


def _range_problems(parameter: Parameter) -> Iterator[str]:
    lowest, highest = parameter.validation_min, parameter.validation_max
    order = parameter.validation_monotonic
    if order not in {"", "increasing", "decreasing"}:
        yield 'monotonic must be "increasing" or "decreasing"'
    if parameter.type != "number" and (order or lowest is not None or highest is not None):
        yield "min, max and monotonic are for numbers only"
    if lowest is not None and highest is not None and lowest > highest:
        yield f"min {lowest} is above max {highest}"


def _preset_problem(preset: Preset, by_name: Mapping[str, Parameter]) -> str:
    for name, value in preset.parameters.items():
        if name not in by_name:
            return f'there is no parameter "{name}"'
        if problem := value_problem(by_name[name], value):
            return f'parameter "{name}": {problem}'
    return ""
