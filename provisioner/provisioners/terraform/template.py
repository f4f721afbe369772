"""A Terraform template: the module's variables, told apart by ``template.toml`` where there is one."""

from __future__ import annotations

import asyncio
import hashlib
import os
from collections import OrderedDict
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from db.states import Transition
from provisioner.errors import MissingParameter, TemplateInvalid
from provisioner.parameters import contradiction, start_cost, validated
from provisioner.protocol import Agent, Parameter, ParseResult
from provisioner.provisioners.terraform.environment import RESERVED_VARIABLES
from provisioner.provisioners.terraform.variables import read_declarations
from provisioner.template_toml import FILE_NAME, read_template

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from db.clock import Clock
    from provisioner.protocol import Request
    from provisioner.provisioners.terraform.variables import Declaration
    from provisioner.template_toml import Template

_PARAMETER_TYPES = frozenset({"number", "bool", "list(string)"})
_KNOWN_TEMPLATES = 64


@dataclass(frozen=True, kw_only=True)
class TerraformTemplate:
    """What a template asks for. Of its variables some are parameters, given with every build."""

    toml: Template | None
    variables: tuple[Declaration, ...]
    """Given once, with the push."""
    parameters: tuple[Parameter, ...]
    declarations: Mapping[str, Declaration]

    def parse_result(self, readme: str) -> ParseResult:
        """The part that the import of a template stores."""
        variables = tuple(declaration.variable() for declaration in self.variables)
        if self.toml is None:
            return ParseResult(readme=readme, variables=variables)
        return replace(self.toml.parse_result(readme), variables=variables)

    def cost(self, request: Request) -> int:
        """Credits that ``template.toml`` adds to what Terraform's plan says."""
        if self.toml is None:
            return 0
        match request.transition:
            case Transition.START:
                return self.toml.start_cost + start_cost(self.parameters, request.parameters)
            case Transition.STOP:
                return self.toml.stop_cost
            case Transition.DELETE:
                return 0

    def values(self, request: Request) -> dict[str, object]:
        """The content of the file of values for this request.

        Raises:
            MissingParameter: a required parameter of a workspace that starts has no value.
            VariableInvalid: a value does not fit its variable's type.
        """
        values = {
            declaration.name: declaration.value(given)
            for declaration in self.variables
            if (given := request.variables.get(declaration.name)) is not None and given != declaration.default
        }
        starts = request.transition is Transition.START and request.workspace is not None
        for parameter in self.parameters:
            given = request.parameters.get(parameter.name, parameter.default)
            if given is None:
                if starts:
                    raise MissingParameter(parameter.name)
                given = _stand_in(parameter)
            declaration = self.declarations[parameter.name]
            if given != declaration.default:
                values[parameter.name] = declaration.value(given)
        return values

    def problem(self, request: Request) -> str:
        """What is wrong with the request's parameters; empty when nothing is."""
        if request.transition is not Transition.START or request.workspace is None:
            return ""
        given = {p.name: request.parameters[p.name] for p in self.parameters if p.name in request.parameters}
        _, problems = validated(self.parameters, given, {}, first_build=True, transition=Transition.STOP)
        return f'parameter "{problems[0].field}": {problems[0].detail}' if problems else ""

    def secrets(self, request: Request) -> Iterator[str]:
        """Values in the request that nobody may see."""
        yield request.agent_token
        for declaration in self.declarations.values():
            if declaration.sensitive:
                given = request.variables.get(declaration.name), request.parameters.get(declaration.name)
                yield from filter(None, (*given, declaration.default))


def combined(declarations: tuple[Declaration, ...], source: Path) -> TerraformTemplate:
    """The module together with the ``template.toml`` beside it, if there is one.

    Raises:
        TemplateInvalid: ``template.toml`` is broken, or speaks of what the module does not have.
    """
    own = {d.name: d for d in declarations if d.name not in RESERVED_VARIABLES}
    if not (source / FILE_NAME).is_file():
        return TerraformTemplate(toml=None, variables=tuple(own.values()), parameters=(), declarations=own)
    toml = read_template(source)
    if toml.variables:
        raise TemplateInvalid(f"{FILE_NAME}: variables of a Terraform template are declared in its .tf files")
    if toml.agents != (Agent(name="main"),):
        raise TemplateInvalid(f'{FILE_NAME}: agents of a Terraform template are its output "agents"')
    parameters = tuple(_parameter(parameter, own) for parameter in toml.parameters)
    if problem := contradiction(parameters, toml.presets):
        raise TemplateInvalid(f"{FILE_NAME}: {problem}")
    names = {parameter.name for parameter in parameters}
    return TerraformTemplate(
        toml=toml,
        variables=tuple(d for d in own.values() if d.name not in names),
        parameters=parameters,
        declarations=own,
    )


def _parameter(parameter: Parameter, declared: Mapping[str, Declaration]) -> Parameter:
    """The parameter, where it says nothing as its variable says."""
    declaration = declared.get(parameter.name)
    if declaration is None:
        raise TemplateInvalid(f'{FILE_NAME}: parameter "{parameter.name}" is no variable of the template')
    plain = parameter.type == "string" and declaration.type in _PARAMETER_TYPES
    return replace(
        parameter,
        type=declaration.type if plain else parameter.type,
        description=parameter.description or declaration.description,
        default=declaration.default if parameter.default is None else parameter.default,
        validation_error=parameter.validation_error or declaration.validation_error,
    )


def _stand_in(parameter: Parameter) -> str:
    """A value for looking at a template, and for taking a workspace down, where there is none."""
    if parameter.options:
        return parameter.options[0].value
    match parameter.type:
        case "number":
            return str(parameter.validation_min or 0)
        case "bool":
            return "false"
        case "list(string)":
            return "[]"
        case _:
            return ""


class KnownTemplates:
    """Templates that were read already, told by what their files hold."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._templates: OrderedDict[bytes, TerraformTemplate] = OrderedDict()

    async def read(self, source: Path, directory: Path) -> TerraformTemplate:
        """The template in ``source``; ``directory`` takes the output of the program that reads it.

        Raises:
            TemplateInvalid: a file cannot be read; the text names it, and the line where it is known.
        """
        key = await asyncio.to_thread(fingerprint, source)
        template = self._templates.get(key)
        if template is None:
            declarations = await read_declarations(source, directory, os.environ, clock=self._clock)
            template = await asyncio.to_thread(combined, declarations, source)
            self._templates[key] = template
            if len(self._templates) > _KNOWN_TEMPLATES:
                self._templates.popitem(last=False)
        return template


def fingerprint(source: Path) -> bytes:
    """Changes with every file that ``TerraformTemplate`` is made from."""
    digest = hashlib.sha256()
    for path in sorted(source.iterdir()):
        if path.name.endswith((".tf", ".tf.json")) or path.name == FILE_NAME:
            content = path.read_bytes()
            digest.update(f"{path.name}\0{len(content)}\0".encode(errors="surrogateescape"))
            digest.update(content)
    return digest.digest()
