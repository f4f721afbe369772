"""``chattool mcp`` as a command."""

import pytest

from tests.surfaces.cli.command_line import CommandLine


@pytest.mark.parametrize("chat", ["a b", "x" * 129, ""])
def test_a_chat_that_cannot_be_one_is_wrong_usage(new: CommandLine, chat: str) -> None:
    ended = new.inside("--chat", chat, "mcp")

    assert ended.code == 2
    assert "cannot be a chat" in ended.err


def test_a_host_that_leaves_at_once_gets_no_complaint(new: CommandLine) -> None:
    ended = new("mcp")

    assert (ended.code, ended.out) == (0, "")
