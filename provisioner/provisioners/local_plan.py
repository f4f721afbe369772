"""What a template and a request together ask of the local provisioner."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.states import Transition
from provisioner.errors import MissingParameter
from provisioner.parameters import start_cost, validated
from provisioner.protocol import MetadataItem, Resource
from provisioner.terminal import FailureReason, terminal_error

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from provisioner.protocol import Request
    from provisioner.template_toml import Template


@dataclass(frozen=True, kw_only=True)
class StartPlan:
    """A start: with which values, and at what cost."""

    template: Template
    values: Mapping[str, str]
    variables: Mapping[str, str]
    cost: int

    def resource(self, directory: Path | None = None) -> Resource:
        """The workspace as a resource; its directory is known once it exists."""
        return Resource(
            type="local_workspace",
            name="workspace",
            daily_cost=self.cost,
            agents=self.template.agents,
            metadata=() if directory is None else (MetadataItem(key="directory", value=str(directory)),),
        )


def planned_start(template: Template, request: Request) -> StartPlan:
    """What the start of a workspace means, or of an imagined one when a template is imported.

    Raises:
        TerminalError: a value is not one that the template allows.
        MissingParameter: a required parameter of a real workspace has no value.
    """
    values, problems = validated(
        template.parameters,
        request.parameters,
        {},
        first_build=True,
        # Missing values are looked for below.
        transition=Transition.STOP,
    )
    if problems:
        wrong = problems[0]
        raise terminal_error(
            FailureReason.VALIDATION_FAILURE, 'parameter "%s": %s', wrong.field, wrong.detail
        )
    if request.workspace is not None:
        for parameter in template.parameters:
            if parameter.name not in values:
                raise MissingParameter(parameter.name)
    variables = {
        variable.name: request.variables.get(variable.name, variable.default)
        for variable in template.variables
    }
    return StartPlan(
        template=template,
        values=values,
        variables={name: value for name, value in variables.items() if value is not None},
        cost=template.start_cost + start_cost(template.parameters, values),
    )


def planned_stop(template: Template) -> Resource:
    """What is left of a stopped workspace."""
    return Resource(type="local_workspace", name="workspace", daily_cost=template.stop_cost)
