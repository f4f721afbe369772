"""``chattool server``: set up with the code of its log, works on builds, and ends as it is told to."""

import re
import signal
import socket
import subprocess
from pathlib import Path

import httpx
import pytest

from tests.surfaces.cli.command_line import CommandLine


def logged(server: subprocess.Popen[str], pattern: str) -> str:
    """What the first line of the log that has it says."""
    assert server.stderr is not None
    for line in server.stderr:
        if found := re.search(pattern, line):
            return found[1]
    raise AssertionError(f"never logged {pattern!r}")


def client(url: str, key: str = "") -> httpx.Client:
    return httpx.Client(base_url=f"{url}/api/v2", headers={"Coder-Session-Token": key}, timeout=30)


def test_a_new_server_is_set_up_builds_over_http_and_drains(new: CommandLine) -> None:
    with new.started("server", "--port", 0) as server:
        code = logged(server, r"setup_code=(\S+)")
        url = logged(server, r"action=ready url=(\S+) version=\S+ slots=3 database=sqlite")
        with client(url) as nobody:
            first = nobody.post("/users/first", json={"username": "ana", "setup_code": code})
        assert new.inside("--user", "ana", "templates", "push", "examples/templates/scratch").code == 0
        assert new.inside("--user", "ana", "groups", "set-allowance", "Everyone", 10).code == 0
        with client(url, first.json()["key"]) as ana:
            template = ana.get("/templates").json()[0]["id"]
            workspace = ana.post("/users/me/workspaces", json={"name": "dev", "template_id": template}).json()
            follow = {"follow": "true"}
            events = {"Accept": "text/event-stream"}
            path = f"/workspacebuilds/{workspace['latest_build']['id']}/logs"
            assert "event: done" in ana.get(path, params=follow, headers=events).text
            ended = ana.get(f"/workspaces/{workspace['id']}").json()
        server.send_signal(signal.SIGTERM)
        out, _ = server.communicate(timeout=30)

    assert ended["latest_build"]["status"] == "running"
    assert (server.returncode, out) == (0, "")
    assert new.inside("--user", "ana", "workspaces", "delete", "dev").code == 0


def test_the_end_of_a_server_ends_those_who_follow(cli: CommandLine, endless: str) -> None:
    key = cli.json("tokens", "create", "follower")["key"]
    # Its build is worked on by the background engine, so it goes on.
    create = ("tool", "call", "create_workspace", "-a", f"template={endless}", "-a", "wait_seconds=0")
    build = cli.json(*create)["build_id"]
    with cli.started("server", "--port", 0, "--slots", 0) as server:
        url = logged(server, r"action=ready url=(\S+)")
        with client(url, key) as me, me.stream("GET", f"/workspacebuilds/{build}/logs?follow") as answer:
            lines = answer.iter_lines()
            assert answer.status_code == 200
            next(lines)
            server.send_signal(signal.SIGTERM)
            rest = list(lines)
        server.communicate(timeout=30)

    assert server.returncode == 0
    assert not any("event: done" in line for line in rest)
    assert cli.inside("builds", "cancel", build).code == 0


def test_a_port_that_is_taken_is_named_before_anything_is_made(new: CommandLine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = new("server", "--port", port)

    assert ended.code == 1
    assert f"127.0.0.1:{port}: Address already in use" in ended.err
    assert not new.home.exists()


@pytest.mark.parametrize(
    "words",
    [
        ("--external-url", "example.com"),
        ("--port", 70000),
        ("--slots", -1),
        ("--url", "mysql://x/y"),
        ("--trusted-proxies", "nonsense"),
        ("--trusted-proxies", "10.0.0.5,10.0.0.1/8"),
        ("--trusted-proxies", "*,10.0.0.5"),
    ],
    ids=["external url", "port", "slots", "database", "proxy name", "proxy network", "all proxies and one"],
)
def test_a_server_that_cannot_be_meant_is_refused(new: CommandLine, words: tuple[object, ...]) -> None:
    ended = new("server", *words)

    assert ended.code == 2
    assert not new.home.exists()


def test_the_first_user_is_made_on_the_host_once(new: CommandLine, tmp_path: Path) -> None:
    url = ("--url", f"sqlite:///{tmp_path}/shared.db")

    first = new.json(*url, "users", "first", "ana")
    again = new.inside(*url, "users", "first", "eve")

    assert first["key"].startswith("chattool_")
    assert (again.code, again.out) == (1, "")
    assert [each["username"] for each in new.json(*url, "--user", "ana", "users", "list")] == ["ana"]


def test_tokens_are_made_listed_and_revoked(cli: CommandLine) -> None:
    made = cli.json("tokens", "create", "laptop", "--days", 5, "--scope", "read")
    shown = {each["id"]: each for each in cli.json("tokens", "list")}
    ended = cli.inside("tokens", "revoke", made["id"])

    assert (shown[made["id"]]["name"], shown[made["id"]]["scope"]) == ("laptop", "read")
    assert made["key"] not in str(shown)
    assert ended.code == 0
    assert made["id"] not in {each["id"] for each in cli.json("tokens", "list")}
    assert cli.inside("tokens", "revoke", made["id"]).code == 1
    assert cli.inside("tokens", "revoke", "laptop").code == 2
    assert cli.inside("tokens", "create", "--scope", "everything").code == 2
