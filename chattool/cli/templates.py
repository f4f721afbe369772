"""``chattool templates``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import Command, named_values, run
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.cli.operations import Version

app = typer.Typer(help="Push templates, and look at them.", no_args_is_help=True)


@app.command()
def push(
    ctx: typer.Context,
    folder: Annotated[
        Path, typer.Argument(help="Folder with a template.toml or .tf files.", show_default=False)
    ],
    name: Annotated[
        str | None, typer.Option(help="Name of the template.", show_default="the one in template.toml")
    ] = None,
    variable: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="Value of a template variable; may be repeated. Kept for later versions.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Upload a template's folder and import it as the template's new version.

    The version before stays active when the import fails. Example:

    [cyan]chattool templates push examples/templates/scratch --name scratch[/cyan]
    """
    return run(ctx, lambda command: _push(command, folder, name, variable or []))


@app.command("list")
def list_templates(ctx: typer.Context) -> int:
    """List the templates that workspaces can be made from, with their cost in credits."""
    return run(ctx, _list)


@app.command()
def show(
    ctx: typer.Context, template: Annotated[str, typer.Argument(help="Name or id.", show_default=False)]
) -> int:
    """Show a template's parameters and presets.

    Example: [cyan]chattool templates show scratch[/cyan]
    """
    return run(ctx, lambda command: _show(command, template))


async def _push(command: Command, folder: Path, name: str | None, variables: Sequence[str]) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_working_operations
    from chattool.errors import TemplateImportFailed
    from db.states import JobErrorCode
    from provisioner import template_toml

    values = named_values("--variable", variables)
    if (folder / template_toml.FILE_NAME).is_file():
        template_toml.read_template(folder)  # a mistake in it is found before anything is started for it
    async with open_working_operations(command.options) as operations:
        try:
            template = await operations.push_template(folder, name=name, variables=values)
        except TemplateImportFailed as failed:
            if failed.code == JobErrorCode.REQUIRED_TEMPLATE_VARIABLES:
                failed.detail = "Give each with --variable NAME=VALUE."
            raise
    cost = f"{_cost_text(template.version)} credits, {template.provisioner}"
    command.screen.show(
        documents.template(template),
        f"Template {template.name} is ready ({cost}). "
        f"Try: chattool tool call create_workspace -a template={template.name}",
    )


async def _list(command: Command) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        found = await operations.templates()
    command.screen.show(
        [documents.template(template) for template in found],
        Table(
            columns=("name", "cost", "id", "description"),
            rows=[
                (template.name, _cost_text(template.version), template.id, template.description)
                for template in found
            ],
            empty="No templates yet. Push one with: chattool templates push FOLDER",
        ),
    )


async def _show(command: Command, name: str) -> None:
    from chattool.cli import documents
    from chattool.cli.session import open_operations

    async with open_operations(command.options) as operations:
        template = await operations.template(name)
    screen, version = command.screen, template.version
    screen.show(
        documents.template_details(template),
        screen.facts(
            [
                ("name", template.name),
                ("id", template.id),
                ("description", template.description),
                ("provisioner", template.provisioner),
                ("version", version.name if version else "none imported yet"),
                ("cost", f"{_cost_text(version)} credits (running / stopped)"),
            ]
        ),
    )
    if version is None or screen.json:
        return
    if version.parameters:
        screen.line("")
        screen.show([], _parameter_table(version))
    if version.presets:
        screen.line("")
        screen.show([], _preset_table(version))


def _parameter_table(version: Version) -> Table:
    from provisioner.documents import parameter_from

    parameters = [parameter_from(document) for document in version.parameters]
    return Table(
        columns=("parameter", "type", "default", "options", "description"),
        rows=[
            (
                each.name,
                each.type,
                "(required)" if each.default is None else each.default,
                ", ".join(option.value for option in each.options),
                each.description,
            )
            for each in parameters
        ],
    )


def _preset_table(version: Version) -> Table:
    from provisioner.documents import preset_from

    presets = [(document["id"], preset_from(document)) for document in version.presets]
    return Table(
        columns=("preset", "id", "parameters"),
        rows=[
            (each.name, preset_id, ", ".join(f"{name}={value}" for name, value in each.parameters.items()))
            for preset_id, each in presets
        ],
    )


def _cost_text(version: Version | None) -> str:
    """``10 / 2``: credits of a running and of a stopped workspace."""
    if version is None or version.start_cost is None:
        return "-"
    return f"{version.start_cost} / {version.stop_cost or 0}"
