"""``chattool mcp`` as a command."""

import json
import subprocess
from pathlib import Path

import pytest

from chattool.background.lock import EngineLock
from chattool.background.state_directory import prepare, state_directory
from chattool.tools import TOOLS
from tests.surfaces.cli.command_line import CommandLine


@pytest.mark.parametrize("chat", ["a b", "x" * 129, ""])
def test_a_chat_that_cannot_be_one_is_wrong_usage(new: CommandLine, chat: str) -> None:
    ended = new.inside("--chat", chat, "mcp")

    assert ended.code == 2
    assert "cannot be a chat" in ended.err


def test_a_host_that_leaves_at_once_gets_no_complaint(new: CommandLine) -> None:
    ended = new("mcp")

    assert (ended.code, ended.out) == (0, "")


def test_a_state_directory_that_cannot_be_made_is_named_before_anybody_asks(
    new: CommandLine, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()

    ended = new("--json", "mcp", CHATTOOL_HOME=str(tmp_path / "file"))

    assert (ended.code, ended.document["code"]) == (1, "HOME_UNUSABLE")


def test_a_host_is_greeted_before_the_engine_is_there(new: CommandLine) -> None:
    directory = state_directory(new.home)
    prepare(directory)
    starting = EngineLock.acquire(directory.lock)  # somebody starts an engine, and it takes its time
    assert starting is not None
    hello = {
        "protocolVersion": "2025-06-18",
        "capabilities": {},
        "clientInfo": {"name": "host", "version": "1"},
    }
    requests = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": hello},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, "method": "tools/list"},
    ]
    with new.started("mcp", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for request in requests:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
        greeting, listing = (json.loads(process.stdout.readline()) for _ in range(2))
        process.stdin.close()
        process.wait(timeout=30)
    starting.release()

    assert greeting["result"]["serverInfo"]["name"] == "chattool"
    assert len(listing["result"]["tools"]) == len(TOOLS)
