"""``chattool keys`` and ``chattool daemon --url http://…``: a daemon that never sees the database."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from provisioner.provisioners.processes import kill_processes
from tests.surfaces.cli.command_line import TIME_LIMIT_SECONDS, CommandLine
from tests.surfaces.cli.test_daemon import read_log_until

REPOSITORY = Path(__file__).parents[3]
#: What the process may weigh when it is idle. Nothing it loads is a matter of chance.
MEMORY_LIMIT_BYTES = 90 << 20


@pytest.fixture
def database(tmp_path: Path) -> tuple[str, str]:
    return "--url", f"sqlite:///{tmp_path}/shared.db"


@contextmanager
def served(database_url: str) -> Iterator[str]:
    """The URL of a server on the database."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.remote_server", database_url, str(port)],
        cwd=REPOSITORY,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        assert server.stdout.readline() == "ready\n"
        yield f"http://127.0.0.1:{port}"
    finally:
        server.kill()
        server.communicate()


def test_a_remote_daemon_makes_a_local_workspace_whose_agent_reports_to_the_server(
    new: CommandLine, database: tuple[str, str], tmp_path: Path
) -> None:
    key_file = tmp_path / "daemon.key"
    key_file.write_text(new.inside(*database, "keys", "create", "builders").out, encoding="utf-8")
    workspaces = tmp_path / "workspaces"
    with served(database[1]) as url:
        remote = ("daemon", "--url", url, "--key-file", key_file, "--workspaces", workspaces)
        with new.started(*remote, "--name", "far", "--drain-limit", 20) as daemon:
            read_log_until(daemon, f"action=ready server={url} daemon=far version=")
            assert new.inside(*database, "templates", "push", "examples/templates/scratch").code == 0
            assert new.inside(*database, "groups", "set-allowance", "Everyone", 10).code == 0
            create = ("tool", "call", "create_workspace", "-a", "template=scratch", "-a", "name=remote")
            try:
                assert new.json(*database, *create)["agent_status"] == "ready"
                assert [each["daemons"] for each in new.json(*database, "keys", "list")] == [1]
                assert new.inside(*database, "workspaces", "delete", "remote").code == 0
            finally:
                for agent in (workspaces / ".agents").glob("*"):
                    kill_processes(agent.name)
            daemon.send_signal(signal.SIGTERM)
            out, _ = daemon.communicate(timeout=TIME_LIMIT_SECONDS)

    assert (daemon.returncode, out) == (0, "")


def test_an_idle_remote_daemon_is_light_and_has_neither_a_database_nor_a_web_server(
    new: CommandLine, database: tuple[str, str]
) -> None:
    key = new.json(*database, "keys", "create", "builders")["key"]
    with served(database[1]) as url, new.started("daemon", "--url", url, "--key", key) as daemon:
        read_log_until(daemon, "action=ready")
        memory = psutil.Process(daemon.pid).memory_info().rss
        loaded = " ".join(mapped.path for mapped in psutil.Process(daemon.pid).memory_maps())

    assert "sqlite" not in loaded
    assert "sqlalchemy" not in loaded
    assert memory < MEMORY_LIMIT_BYTES


def test_a_key_is_shown_once_listed_without_its_secret_and_revoked_by_name(
    new: CommandLine, database: tuple[str, str]
) -> None:
    secret = new.inside(*database, "keys", "create", "gpu", "--tag", "gpu=yes").out.strip()

    (key,) = new.json(*database, "keys", "list")
    assert (key["name"], key["tags"], "revoked_at" in key) == ("gpu", {"gpu": "yes"}, False)
    assert secret.startswith("chattool_daemon_")
    assert secret not in new.inside(*database, "keys", "list").out
    assert new.inside(*database, "keys", "create", "gpu").one_line.startswith("error: a key 'gpu' exists")

    assert new.inside(*database, "keys", "revoke", "gpu").code == 0
    assert "revoked_at" in new.json(*database, "keys", "list")[0]
    assert new.inside(*database, "keys", "revoke", "gpu").one_line.startswith("error: no valid key 'gpu'")
    assert new.inside(*database, "keys", "create", "gpu").code == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--url", "https://x"], "error: a server wants a key: --key-file FILE"),
        (["--url", "https://x", "--key", "two words"], "error: the daemon's key is no key"),
        (["--url", "https://x", "--key-file", "nowhere"], "error: Invalid value for '--key-file': "),
        (["--url", "https://", "--key", "x"], "error: the server's URL is like https://"),
        (["--url", "https://me:secret@x", "--key", "x"], "error: the server's URL is like https://"),
        (
            ["--url", "https://x", "--key", "x", "--ca-file", "nowhere"],
            "error: Invalid value for '--ca-file': ",
        ),
        (
            ["--url", "https://x", "--key", "x", "--ca-file", "README.md"],
            "error: --ca-file: README.md ",
        ),
        (["--url", "sqlite:///x.db", "--ca-file", "README.md"], "error: --key-file and --ca-file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_wrong_call_says_in_one_line_what_is_wrong(new: CommandLine, words: list[str], said: str) -> None:
    ended = new("daemon", *words)

    assert ended.code in {1, 2}
    assert ended.err.splitlines()[-1].startswith(said)
