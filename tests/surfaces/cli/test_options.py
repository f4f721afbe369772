"""Global options anywhere on the command line."""

import pytest

from chattool.cli.options import hoisted, wants_json


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("templates list --json", "--json templates list"),
        ("tool call x --chat two --url=u", "--chat two --url=u tool call x"),
        ("--user a tool call x --json {}", "--user a tool call x --json {}"),
        ("--json tool call x -a y=1", "--json tool call x -a y=1"),
        ("tool --json list", "--json tool list"),
        ("tool call x --json={}", "tool call x --json={}"),
        ("templates push -- --json", "templates push -- --json"),
        ("templates list --home", "--home templates list"),
    ],
)
def test_global_options_move_to_the_front_but_the_arguments_of_a_tool(words: str, expected: str) -> None:
    assert hoisted(words.split()) == expected.split()


def test_json_is_asked_for_by_the_flag_or_by_the_arguments_of_a_tool() -> None:
    assert wants_json(["templates", "list", "--json"])
    assert wants_json(["tool", "call", "x", "--json={}"])
    assert not wants_json(["templates", "list"])
