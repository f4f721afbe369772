"""spec: arguments of a tool as a person types them."""

import pytest

from chattool.arguments import CreateWorkspaceArgs
from chattool.cli.command import WrongUsage
from chattool.cli.tool_arguments import from_pairs
from chattool.workspace_arguments import ExecuteArgs


def test_entries_of_a_map_are_given_one_by_one() -> None:
    environment = from_pairs(ExecuteArgs, ["command=true", "env.A=5", "env.B.c=x=y"])
    parameters = from_pairs(CreateWorkspaceArgs, ["parameters.cpu=2"])

    assert environment == {"command": "true", "env": {"A": "5", "B.c": "x=y"}}
    assert parameters == {"parameters": {"cpu": "2"}}


def test_a_dot_means_nothing_where_there_is_no_map() -> None:
    given = {"name.x": "1", "size.y": "2"}

    assert from_pairs(CreateWorkspaceArgs, ["name.x=1", "size.y=2"]) == given


@pytest.mark.parametrize(
    "pairs",
    [
        ["command"],
        ["=1"],
        ["command=a", "command=b"],
        ["env.A=1", "env.A=2"],
        ["env={}", "env.A=1"],
        ["template=scratch", "template_id=x"],
        ["preset=small", "preset_id=x"],
    ],
)
def test_what_can_mean_two_things_or_nothing_is_wrong_usage(pairs: list[str]) -> None:
    with pytest.raises(WrongUsage):
        from_pairs(ExecuteArgs, pairs)
