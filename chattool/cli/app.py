"""The commands, put together."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chattool.cli import (
    agent,
    builds,
    daemon,
    doctor,
    engine,
    errors,
    groups,
    keys,
    login,
    mcp,
    migrate,
    quickstart,
    quota,
    secrets,
    server,
    templates,
    tokens,
    tool,
    users,
    workspaces,
)
from chattool.cli.command import INTERRUPTED, report
from chattool.cli.options import DEFAULT_CHAT, Options, default_home, hoisted, wants_json
from chattool.cli.screen import Screen
from chattool.starter import DEFAULT_USER

if TYPE_CHECKING:
    from collections.abc import Sequence

app = typer.Typer(
    name="chattool",
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="The options above may be written before or after a command. "
    "Exit codes: 0 done, 1 failed, 2 wrong usage.",
)

for module in (quickstart, mcp, login, server, daemon, migrate, doctor, agent):
    module.register(app)
for name, group in (
    ("tool", tool.app),
    ("templates", templates.app),
    ("workspaces", workspaces.app),
    ("builds", builds.app),
    ("quota", quota.app),
    ("groups", groups.app),
    ("users", users.app),
    ("tokens", tokens.app),
    ("secrets", secrets.app),
    ("keys", keys.app),
    ("engine", engine.app),
    ("errors", errors.app),
):
    app.add_typer(group, name=name)


def run_command_line(words: Sequence[str]) -> int:
    """Run a command; its exit code."""
    command = typer.main.get_command(app)
    screen = Screen(json=wants_json(words))
    try:
        exit_code = command.main(args=hoisted(words), prog_name="chattool", standalone_mode=False)
    except typer.Abort:
        return report(screen, "interrupted", "INTERRUPTED", INTERRUPTED)
    except typer.TyperException as error:
        return _wrong_usage(screen, error)
    return exit_code if isinstance(exit_code, int) else 0


def _wrong_usage(screen: Screen, error: typer.TyperException) -> int:
    text = error.format_message().rstrip(".")
    if not text:
        return error.exit_code  # a group without a command: its help was shown
    context = getattr(error, "ctx", None)
    hint = "" if context is None else f" (see: {context.command_path} --help)"
    return report(screen, text + hint, "USAGE", error.exit_code)


@app.callback()
def _global_options(
    ctx: typer.Context,
    url: Annotated[
        str | None,
        typer.Option(
            envvar="CHATTOOL_URL",
            help="Server to work on, https://HOST; or database, whose builds are then done by daemons that "
            "serve it: sqlite:///FILE or postgresql://USER@HOST/NAME.",
            show_default="the SQLite file in the state directory",
        ),
    ] = None,
    token: Annotated[
        str,
        typer.Option(
            envvar="CHATTOOL_TOKEN",
            help="Token for the server. Others on this machine can read it here: prefer the variable, "
            "or chattool login.",
            show_default="that of chattool login",
        ),
    ] = "",
    home: Annotated[
        Path | None,
        typer.Option(
            envvar="CHATTOOL_HOME",
            help="State directory: database, workspaces, background engine.",
            show_default="the platform's data directory",
        ),
    ] = None,
    user: Annotated[str, typer.Option(envvar="CHATTOOL_USER", help="On whose behalf.")] = DEFAULT_USER,
    chat: Annotated[
        str, typer.Option(envvar="CHATTOOL_CHAT", help="Conversation that the tools belong to.")
    ] = DEFAULT_CHAT,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON document and nothing else.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show logs, and tracebacks of errors.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback answers
        bool,
        typer.Option(
            "--version",
            is_eager=True,
            callback=lambda asked: _print_version(asked=asked),
            help="Print the version.",
        ),
    ] = False,
) -> None:
    """Workspaces for AI agents: one tool call creates, starts or stops one, within a quota.

    [bold]chattool quickstart[/bold] shows it all in ten seconds.
    """
    source = ctx.get_parameter_source("home")
    chat_source = ctx.get_parameter_source("chat")
    ctx.obj = Options(
        url=url,
        home=(home or default_home()).expanduser().absolute(),
        home_named=source is not None and source.name == "COMMANDLINE",
        token=token.strip(),
        user=user,
        chat=chat,
        chat_named=chat_source is not None and chat_source.name != "DEFAULT",
        json=json,
        debug=debug,
    )


def _print_version(*, asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"chattool {version('chattool')}")
        raise typer.Exit
