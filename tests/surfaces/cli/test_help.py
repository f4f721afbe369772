"""What the command line says about itself."""

import json
from importlib.metadata import version

import pytest

from chattool.cli.app import run_command_line
from tests.surfaces.cli.command_line import CommandLine

COMMANDS = [
    "quickstart",
    "mcp",
    "daemon",
    "migrate",
    "doctor",
    "tool list",
    "tool show",
    "tool call",
    "templates push",
    "templates list",
    "templates show",
    "workspaces list",
    "workspaces show",
    "workspaces start",
    "workspaces stop",
    "workspaces delete",
    "builds list",
    "builds show",
    "builds logs",
    "builds cancel",
    "quota show",
    "quota check",
    "groups list",
    "groups set-allowance",
    "users list",
    "users add",
    "keys create",
    "keys list",
    "keys revoke",
    "login",
    "logout",
    "engine status",
    "engine stop",
    "engine run",
]


def test_help_lists_every_command_but_the_agent(new: CommandLine) -> None:
    ended = new("--help")

    assert ended.code == 0
    assert {command.split()[0] for command in COMMANDS} <= set(ended.out.split())
    assert "│ agent " not in ended.out


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_explains_itself(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    code = run_command_line([*command.split(), "--help"])

    assert code == 0
    assert f"Usage: chattool {command}" in capsys.readouterr().out


def test_the_version_is_the_distributions(new: CommandLine) -> None:
    assert new("--version").out == f"chattool {version('chattool')}\n"


def test_a_group_without_a_command_shows_its_help_as_wrong_usage(new: CommandLine) -> None:
    ended = new("templates")

    assert ended.code == 2
    assert "Usage: chattool templates" in ended.out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nope"], "error: No such command 'nope' (see: chattool --help)"),
        (["templates", "push"], "error: Missing argument 'folder' (see: chattool templates push --help)"),
        (["tool", "call", "nope"], "error: no tool 'nope'; there are: "),
        (["tool", "call", "stop_workspace", "-a", "x"], "error: -a takes name=value, not 'x'"),
        (["tool", "call", "stop_workspace", "-a", "x=1", "-a", "x=2"], "error: x is given twice"),
        (["server", "--url", "postgresql://u:p@x:notaport/c"], "error: the database URL has no proper host"),
        (["daemon", "--url", "sqlite:///x.db", "--name", "a\tb"], "error: --name takes 1 to 200 printable"),
        (["daemon", "--url", "https://x", "--key", "x", "--name", ""], "error: --name takes 1 to 200"),
        (["templates", "list", "--url", "mysql://x"], "error: unknown database URL; use sqlite:///"),
        (["templates", "list", "--user", "a b"], "error: 'a b' cannot be a user: a name has "),
        (["daemon", "--tag", "x"], "error: --tag takes NAME=VALUE, not 'x'"),
        (["users", "add", "al", "--role", "king"], "error: no role 'king'; there are: owner, "),
        (["groups", "set-allowance", "Everyone", "1.5"], "error: Invalid value for 'CREDITS': "),
    ],
)
def test_wrong_usage_is_one_line_and_code_2(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command_line(words)

    assert code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith(said)
    assert captured.err.count("\n") == 1


@pytest.mark.parametrize(
    "words", [["nope"], ["tool", "call", "x", "--json", "{}"], ["--url", "x://", "migrate"]]
)
def test_wrong_usage_is_a_document_when_json_is_asked_for(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command_line([*words, *([] if "--json" in words else ["--json"])])

    assert code == 2
    captured = capsys.readouterr()
    assert captured.err == ""
    assert json.loads(captured.out)["code"] == "USAGE"


@pytest.mark.parametrize("text", ["{", "[]", "3", ""])
def test_arguments_that_are_no_json_object_are_wrong_usage(
    text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    code = run_command_line(["tool", "call", "stop_workspace", "--json", text])

    assert code == 2
    assert json.loads(capsys.readouterr().out)["code"] == "USAGE"
