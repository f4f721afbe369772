"""The variables that a Terraform module declares, and values for them."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from provisioner.errors import ProvisionerError, TemplateInvalid
from provisioner.protocol import Variable
from provisioner.provisioners.terraform import child_process
from provisioner.provisioners.terraform.environment import sanitized
from provisioner.provisioners.terraform.untrusted_json import document, mappings, text, value_text

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.clock import Clock

_READER = Path(__file__).with_name("hcl.py")
_READING_LIMIT = timedelta(seconds=60)
_PRIMITIVE_TYPES = frozenset({"", "string", "number", "bool"})


class VariableInvalid(ProvisionerError):
    """A value does not fit the type of its variable."""

    code = "TEMPLATE_VARIABLE_INVALID"


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One ``variable`` block."""

    name: str
    type: str
    """As it is written: ``list(string)``; empty: any."""
    description: str
    default: str | None
    """As text, JSON unless it is a plain one. ``None``: a value is required."""
    sensitive: bool
    validation_error: str
    """What its first rule says about a value that does not follow it."""
    file: str

    def variable(self) -> Variable:
        """The declaration as a template variable."""
        return Variable(
            name=self.name,
            type=self.type or "any",
            description=self.description,
            default=self.default,
            sensitive=self.sensitive,
        )

    def value(self, given: str) -> object:
        """What stands for ``given`` in a file of values.

        Raises:
            VariableInvalid: the type needs JSON, and this is none.
        """
        # Terraform turns a text into a number or a truth value by itself.
        if self.type in _PRIMITIVE_TYPES - {""}:
            return given
        try:
            value = json.loads(given)
        except (ValueError, RecursionError):
            value = None
        if isinstance(value, list | dict):
            return value
        if self.type in {"", "any"}:
            return given
        if value is None and given.strip() == "null":
            return None
        raise VariableInvalid(f'variable "{self.name}": a value of type {self.type} is written as JSON')


async def read_declarations(
    source: Path, directory: Path, host: Mapping[str, str], *, clock: Clock
) -> tuple[Declaration, ...]:
    """The variables of the module in ``source``; ``directory`` takes the reader's output.

    Raises:
        TemplateInvalid: a file cannot be read; the text names it, and the line where it is known.
    """
    command = child_process.Command(
        # Isolated: the files are anybody's, and no module of the template's may take the place of a library.
        arguments=(sys.executable, "-I", str(_READER), "."),
        directory=source,
        environment=sanitized(host),
    )
    ended, answer, problem = await child_process.answer(
        command, directory / "variables", clock=clock, limit=_READING_LIMIT
    )
    if ended.code != 0:
        said = problem.decode(errors="replace").strip().rpartition("\n")[2]
        late = "reading took too long" if ended.interrupted else ""
        reason = late or said or f"the reader ended with {ended.code}"
        raise TemplateInvalid(f"the template's variables cannot be read: {reason}")
    found = document(answer)
    if error := text(found.get("error")):
        raise TemplateInvalid(error)
    return tuple(map(_declaration, mappings(found.get("variables"))))


def _declaration(found: Mapping[str, object]) -> Declaration:
    default = found.get("default")
    return Declaration(
        name=text(found.get("name")),
        type=text(found.get("type")),
        description=text(found.get("description")),
        default=value_text(default) if "default" in found else None,
        sensitive=found.get("sensitive") is True,
        validation_error=text(found.get("validation_error")),
        file=text(found.get("file")),
    )
