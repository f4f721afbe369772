"""``chattool daemon`` works for commands that only name its database."""

import signal
import subprocess
from pathlib import Path

import pytest

from tests.surfaces.cli.command_line import CommandLine


def read_log_until(daemon: subprocess.Popen[str], event: str) -> None:
    assert daemon.stderr is not None
    for line in daemon.stderr:
        if event in line:
            return
    raise AssertionError(f"never logged {event!r}")


def test_a_daemon_builds_for_a_database_named_by_its_url_and_drains(new: CommandLine, tmp_path: Path) -> None:
    url = ("--url", f"sqlite:///{tmp_path}/shared.db")

    with new.started("daemon", *url, "--slots", 2, "--name", "builder", "--drain-limit", 20) as daemon:
        read_log_until(daemon, "action=ready daemon=builder version=")
        assert new.inside(*url, "templates", "push", "examples/templates/scratch").code == 0
        assert new.inside(*url, "groups", "set-allowance", "Everyone", 10).code == 0
        create = ("tool", "call", "create_workspace", "-a", "template=scratch", "-a", "name=far")
        assert new.json(*url, *create)["agent_status"] == "ready"
        assert new.inside(*url, "workspaces", "delete", "far").code == 0
        daemon.send_signal(signal.SIGTERM)
        out, _ = daemon.communicate(timeout=30)

    assert (daemon.returncode, out) == (0, "")
    assert not new.home.exists()


def test_without_a_daemon_a_build_says_what_it_waits_for(new: CommandLine, tmp_path: Path) -> None:
    url = ("--url", f"sqlite:///{tmp_path}/shared.db")
    with new.started("daemon", *url) as daemon:
        read_log_until(daemon, "action=ready")
        assert new.inside(*url, "templates", "push", "examples/templates/scratch").code == 0
        daemon.send_signal(signal.SIGTERM)
        daemon.communicate(timeout=30)

    answer = new.json(
        *url, "tool", "call", "create_workspace", "-a", "template=scratch", "-a", "wait_seconds=0"
    )

    assert answer["status"] == "building"
    assert new.json(*url, "builds", "show", answer["build_id"])["status"] == "pending"
    assert new.inside(*url, "builds", "cancel", answer["build_id"]).out.endswith(" was canceled.\n")


@pytest.mark.parametrize("command", [("daemon",), ("server", "--port", 0)], ids=["daemon", "server"])
def test_builds_cut_off_by_the_drain_limit_are_counted_as_interrupted(
    new: CommandLine, tmp_path: Path, endless_folder: Path, command: tuple[object, ...]
) -> None:
    url = ("--url", f"sqlite:///{tmp_path}/shared.db")
    create = ("tool", "call", "create_workspace", "-a", "template=endless", "-a", "wait_seconds=0")

    with new.started(*command, *url, "--drain-limit", 0) as worker:
        read_log_until(worker, "action=ready")
        assert new.inside(*url, "templates", "push", endless_folder).code == 0
        assert new.inside(*url, "groups", "set-allowance", "Everyone", 10).code == 0
        read_log_until(worker, "action=claim")
        assert new.inside(*url, *create).code == 0
        read_log_until(worker, "action=claim")
        worker.send_signal(signal.SIGTERM)
        _, err = worker.communicate(timeout=30)

    assert worker.returncode == 1
    assert "the drain limit has passed" in err
    assert "interrupted=1" in err
