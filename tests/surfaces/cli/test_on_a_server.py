"""``--url https://…``: signing in, what needs a database says so, and a token reaches no output."""

import json
import socket
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.surfaces.cli.command_line import TIME_LIMIT_SECONDS, CommandLine, read_until
from tests.surfaces.cli.served import Served, running, served

HELLO = {
    "protocolVersion": "2025-06-18",
    "capabilities": {},
    "clientInfo": {"name": "host", "version": "1"},
}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("server")) as found:
        yield found


def test_a_login_is_enough_for_the_commands_that_follow(server: Served) -> None:
    somebody = CommandLine(server.folder / "somebody")
    before = somebody("--url", server.url, "workspaces", "list")
    signed_in = somebody("login", f"{server.url}/", CHATTOOL_TOKEN=server.token)
    kept = somebody.home / "logins.json"
    after = somebody("workspaces", "list", CHATTOOL_URL=server.url)

    assert (before.code, before.one_line) == (
        2,
        f"error: {server.url} wants a token: CHATTOOL_TOKEN, --token, or once: chattool login {server.url}",
    )
    assert (signed_in.code, signed_in.out.split(". ")[0]) == (0, f"Signed in to {server.url} as me")
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (after.code, after.out.split(".")[0]) == (0, "No workspaces yet")
    assert somebody("logout", server.url).code == 0
    assert json.loads(kept.read_text(encoding="utf-8")) == {}
    assert somebody("logout", server.url).code == 1


def test_a_token_that_the_server_does_not_know_is_not_kept(server: Served) -> None:
    somebody = CommandLine(server.folder / "stranger")

    refused = somebody("login", server.url, CHATTOOL_TOKEN="chattool_wrong-secret")  # noqa: S106 - and worth nothing

    assert refused.code == 1
    assert refused.one_line.startswith(f"error: {server.url} does not accept the token")
    assert "wrong-secret" not in refused.out + refused.err
    assert not somebody.home.joinpath("logins.json").exists()


@pytest.mark.parametrize(
    "words",
    [
        ["migrate"],
        ["quota", "check"],
        ["secrets", "renew"],
        ["users", "first", "eve"],
        ["server"],
        ["engine", "status"],
        ["engine", "stop"],
    ],
    ids=" ".join,
)
def test_what_needs_a_database_or_an_engine_says_so_in_one_line(server: Served, words: list[str]) -> None:
    ended = server.client().inside(*words)

    assert ended.code == 2
    assert "database" in ended.one_line or "state directory" in ended.one_line


def test_keys_and_tokens_are_made_listed_and_ended(server: Served) -> None:
    client = server.client()

    key = client.json("keys", "create", "builders", "--tag", "gpu=yes")
    assert client.json("keys", "list")[0]["tags"] == {"gpu": "yes"}
    assert key["key"]
    assert client.json("keys", "revoke", "builders")["revoked"]
    assert client.inside("keys", "revoke", "builders").code == 1

    made = client.json("tokens", "create", "laptop", "--days", 5)
    assert made["id"] in {each["id"] for each in client.json("tokens", "list")}
    assert client.inside("tokens", "create", "--days", 0).code == 2
    assert client.json("tokens", "revoke", made["id"])["revoked"]
    refused = server.client("gone", made["key"]).inside("workspaces", "list")
    assert (refused.code, "does not accept the token" in refused.one_line) == (1, True)


def test_the_doctor_looks_at_the_server(server: Served) -> None:
    checks = {each["name"]: each for each in server.client().json("doctor")["checks"]}

    assert checks["server"]["detail"] == f"{server.url} answers (chattool)"
    assert checks["token"]["detail"] == "is me's (owner)"
    assert checks["daemons"]["verdict"] == "ok"
    assert "database" not in checks


def test_a_token_calls_tools_for_its_own_user_only(server: Served) -> None:
    client = server.client()
    client.inside("users", "add", "alice")

    ended = client.inside("--user", "alice", "tool", "call", "stop_workspace")

    assert (ended.code, ended.one_line) == (
        2,
        "error: the token calls tools for its own user, 'me'; leave --user out",
    )


def test_an_agents_host_gets_the_tools_of_the_server(server: Served) -> None:
    client = server.client("agent")
    assert client.inside("templates", "push", "examples/templates/scratch").code == 0
    calls: list[tuple[str, dict[str, object]]] = [
        ("create_workspace", {"template_id": client.json("templates", "show", "scratch")["id"]}),
        ("workspace_status", {}),
    ]
    requests: list[dict[str, object]] = [
        {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": HELLO},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        *(
            {"jsonrpc": "2.0", "id": 2, "method": "tools/call", "params": {"name": name, "arguments": given}}
            for name, given in calls
        ),
    ]
    answers = []
    with client.started("mcp", stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for request in requests:
            process.stdin.write(json.dumps(request) + "\n")
            process.stdin.flush()
            while request.get("id") and "id" not in (answer := json.loads(process.stdout.readline())):
                pass  # a notification of progress
            answers.append(answer)
        process.stdin.close()
        process.wait(timeout=TIME_LIMIT_SECONDS)

    created, status = (answer["result"]["structuredContent"] for answer in answers[-2:])
    assert (created["ok"], created["error_code"]) == (False, "INSUFFICIENT_QUOTA")
    assert status["workspace_name"] == created["workspace_name"]


def test_an_agents_host_without_a_token_is_told_at_once(server: Served) -> None:
    ended = CommandLine(server.folder / "nobody")("--url", server.url, "mcp")

    assert (ended.code, "wants a token" in ended.one_line) == (2, True)


def test_a_server_that_is_away_is_one_line_and_the_token_in_none(server: Served) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # taken and not listened on, so that nobody else answers there
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
        away = CommandLine(server.folder / "away", {"CHATTOOL_TOKEN": server.token}, ("--url", url))
        ended = away("workspaces", "list")
        with away.started("--debug", "workspaces", "list") as debugged:
            out, err = debugged.communicate(timeout=TIME_LIMIT_SECONDS)

    assert (ended.code, debugged.returncode) == (1, 1)
    assert ended.one_line.startswith(f"error: no answer from {url}: ")
    assert "DEBUG httpcore" in err
    assert server.token not in ended.out + ended.err + out + err


def test_what_is_logged_of_calls_does_not_hold_the_token(server: Served) -> None:
    client = server.client()
    with client.started("--debug", "quota", "show") as debugged:
        out, err = debugged.communicate(timeout=TIME_LIMIT_SECONDS)

    assert debugged.returncode == 0
    assert "/api/v2/users/me" in err
    assert server.token not in out + err


@pytest.mark.timeout(150)  # it starts six programs
def test_a_build_is_followed_through_a_restart_of_the_server(tmp_path: Path) -> None:
    steps = {
        "0.parse": {"complete": {}},
        "0.plan": {"complete": {"cost": 1}},
        "0.start.apply": {"log": {"level": "info", "output": "at it"}},
        "1.start.apply": {"delay_ms": 600_000},
        "0.apply": {"complete": {}},
    }
    (tmp_path / "endless").mkdir()
    for name, step in steps.items():
        (tmp_path / "endless" / f"{name}.json").write_text(json.dumps(step), encoding="utf-8")
    url = f"sqlite:///{tmp_path / 'other.db'}"
    host = CommandLine(tmp_path / "host")
    token = host.json("--url", url, "users", "first", "me")["key"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with host.started("--url", url, "daemon"):
        with running(host, url, port, "--slots", 0) as (_, address):
            client = CommandLine(
                tmp_path / "client", {"CHATTOOL_TOKEN": token}, options=("--url", address, "--token", token)
            )
            assert client.inside("templates", "push", tmp_path / "endless").code == 0
            assert client.inside("groups", "set-allowance", "Everyone", 5).code == 0
            call = client.started("tool", "call", "create_workspace", "-a", "template=endless")
            caller = call.__enter__()
            read_until(caller, "at it")
            build = client.json("builds", "list")[0]["id"]
        with running(host, url, port, "--slots", 0):
            assert client.inside("builds", "cancel", build).code == 0
            out, err = caller.communicate(timeout=TIME_LIMIT_SECONDS)
            call.__exit__(None, None, None)

    assert (caller.returncode, err) == (1, "")
    assert "failed" in out or "interrupted" in out
    assert json.loads(out[out.index("{") :])["build_id"] == build
