"""The quickstart, as whoever tries chattool first sees it."""

import signal
from pathlib import Path

from tests.surfaces.cli.command_line import CommandLine, interrupt, read_until


def test_the_quickstart_shows_the_main_job_and_leaves_nothing(new: CommandLine, tmp_path: Path) -> None:
    ended = new("quickstart", "--json", TMPDIR=str(tmp_path))

    assert (ended.code, ended.err) == (0, "")
    steps = {step["step"]: step for step in ended.document["steps"]}
    assert steps["create_workspace"]["answer"]["agent_status"] == "ready"
    assert steps["create_workspace_again"]["answer"]["status"] == "already_exists"
    assert steps["fill_quota"]["quota"] == {"credits_consumed": 40, "budget": 40}
    refused = steps["create_workspace_over_quota"]["answer"]
    assert refused["error_code"] == "INSUFFICIENT_QUOTA"
    assert refused["quota"] == {"credits_consumed": 40, "budget": 40, "cost": 10}
    assert steps["stop_workspace"]["quota"]["credits_consumed"] == 32
    assert steps["delete"]["quota"]["credits_consumed"] == 0
    assert list(tmp_path.glob("chattool-*")) == []


def test_a_kept_quickstart_can_be_played_with(new: CommandLine) -> None:
    ended = new("quickstart", "--home", new.home)

    assert ended.code == 0
    assert f"export CHATTOOL_HOME={new.home}" in ended.out
    assert [workspace["status"] for workspace in new.json("workspaces", "list")] == ["running"]
    answer = new.json("--chat", "first", "tool", "call", "create_workspace", "-a", "template=scratch")
    assert answer["status"] == "already_exists"


def test_an_interrupted_quickstart_cleans_up(new: CommandLine, tmp_path: Path) -> None:
    for end in (interrupt, lambda process: process.send_signal(signal.SIGTERM)):
        with new.started("quickstart", TMPDIR=str(tmp_path)) as process:
            read_until(process, "Starting workspace")
            end(process)
            process.communicate(timeout=30)
        assert process.returncode == 130
        assert list(tmp_path.glob("chattool-*")) == []
