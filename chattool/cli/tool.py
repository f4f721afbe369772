"""``chattool tool``: the agent's tools, called by hand."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli.command import FAILED, OK, Command, WrongUsage, run
from chattool.cli.options import Options
from chattool.cli.screen import Table

if TYPE_CHECKING:
    from chattool.arguments import ToolArgs
    from chattool.tool import Tool

app = typer.Typer(help="Call the tools as an agent does.", no_args_is_help=True)

ToolName = Annotated[str, typer.Argument(metavar="NAME", help="Name of the tool.", show_default=False)]


@app.command("list")
def list_tools(ctx: typer.Context) -> int:
    """List the tools that an agent gets."""
    return run(ctx, _list)


@app.command()
def show(ctx: typer.Context, name: ToolName) -> int:
    """Show a tool as a model sees it: description and arguments."""
    return run(ctx, lambda command: _show(command, name))


@app.command()
def call(
    ctx: typer.Context,
    name: ToolName,
    argument: Annotated[
        list[str] | None,
        typer.Option(
            "--argument",
            "-a",
            metavar="NAME=VALUE",
            help="One argument. NAME.KEY=VALUE sets one entry of a map, as parameters.cpu=2; "
            "template=NAME and preset=NAME stand for the ids.",
            show_default=False,
        ),
    ] = None,
    arguments_json: Annotated[
        str | None,
        typer.Option(
            "--json",
            metavar="OBJECT",
            help="All arguments as one JSON object (-: from standard input); answers with JSON only.",
            show_default=False,
        ),
    ] = None,
    call_id: Annotated[
        str | None,
        typer.Option(help="Id of the call: repeated, it gets the first answer.", show_default=False),
    ] = None,
) -> int:
    """Call a tool. The exit code is 1 when its answer is an error.

    Builds are shown live. Ctrl-C ends the watching, the build goes on. The chat is --chat.

    [cyan]chattool tool call create_workspace -a template=scratch[/cyan]

    [cyan]chattool tool call stop_workspace --json '{}'[/cyan]

    [cyan]chattool --json tool call create_workspace -a template=scratch -a wait_seconds=0[/cyan]
    """
    if arguments_json is not None:
        options = ctx.ensure_object(Options)
        ctx.obj = options.answering_json()
    return run(ctx, lambda command: _call(command, name, argument or [], arguments_json, call_id))


async def _list(command: Command) -> None:
    from chattool.tools import TOOLS

    command.screen.show(
        [{"name": tool.name, "title": tool.title, "description": tool.description} for tool in TOOLS],
        Table(
            columns=("tool", "arguments", "what it does"),
            rows=[(tool.name, ", ".join(tool.args.model_fields), _first_sentence(tool)) for tool in TOOLS],
        ),
    )


async def _show(command: Command, name: str) -> None:
    import json

    from chattool.schemas import render

    tool = _tool(name)
    schema = render(tool)
    document = {
        "name": tool.name,
        "title": tool.title,
        "description": tool.description,
        "arguments": schema,
        "results": [result.__name__ for result in tool.results],
    }
    screen = command.screen
    if screen.json:
        screen.document(document)
        return
    screen.out.print(f"[bold]{tool.name}[/bold]  {tool.title}\n", highlight=False)
    screen.out.print(tool.description + "\n", markup=False, highlight=False, width=min(screen.out.width, 100))
    screen.show(
        [],
        Table(
            columns=("argument", "", "description"),
            rows=[
                (field, "required" if field in schema.get("required", ()) else "", part["description"])
                for field, part in schema["properties"].items()
            ],
        ),
    )
    screen.line(f"\nanswers {', '.join(result.__name__ for result in tool.results)}", style="dim")
    example = json.dumps(dict.fromkeys(schema.get("required", ()), "..."))
    screen.line(f"chattool tool call {tool.name} --json '{example}'", style="cyan")


async def _call(
    command: Command, name: str, pairs: list[str], arguments_json: str | None, call_id: str | None
) -> int:
    from chattool.cli import tool_arguments
    from chattool.cli.builds import left_building
    from chattool.cli.session import open_working_operations
    from chattool.cli.tool_call import LiveCall

    tool = _tool(name)
    if pairs and arguments_json is not None:
        raise WrongUsage("give the arguments either with -a or with --json")
    arguments = (
        tool_arguments.from_pairs(tool.args, pairs)
        if arguments_json is None
        else tool_arguments.from_json(arguments_json)
    )
    async with open_working_operations(command.options) as operations:
        if arguments_json is None:
            arguments = await tool_arguments.resolved(operations, arguments)
        live = LiveCall(operations, command.options.chat, command.screen)
        try:
            response = await live.call(name, arguments, tool_call_id=call_id)
        except asyncio.CancelledError:
            if live.build_id is None:
                raise
            return left_building(command, live.build_id)
    if response.is_error:
        if command.screen.json:
            command.screen.document({"error": response.content, "code": "TOOL_ERROR"})
        else:
            command.screen.error(response.content)
        return FAILED
    if command.screen.json:
        command.screen.document(response.data)
    else:
        command.screen.out.print_json(data=response.data, ensure_ascii=False)
        if response.data.get("agent_status") == "ready" and "startup_scripts" in response.data:
            command.screen.warning("the start-up script failed; the workspace runs and can be used")
    return OK if response.ok else FAILED


def _tool(name: str) -> Tool[ToolArgs]:
    from chattool.tools import TOOLS

    for tool in TOOLS:
        if tool.name == name:
            return tool
    known = ", ".join(tool.name for tool in TOOLS)
    raise WrongUsage(f"no tool {name!r}; there are: {known}")


def _first_sentence(tool: Tool[ToolArgs]) -> str:
    return tool.description.split(";")[0].split(". ")[0].rstrip(".")
