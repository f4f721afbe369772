"""``/mcp`` of a real ``chattool server``, asked as a client asks that knows nothing but the protocol."""

import json
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from chattool.tools import TOOLS
from tests.surfaces.cli.command_line import CommandLine
from tests.surfaces.cli.test_server import logged

ACCEPT = {"Accept": "application/json, text/event-stream"}


@dataclass(frozen=True)
class Host:
    """Somebody with a token."""

    url: str
    key: str

    def ask(self, method: str, **params: object) -> httpx.Response:
        """One request of the protocol."""
        body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
        return httpx.post(f"{self.url}/mcp", json=body, headers=self._headers, timeout=40)

    def followed(self, tool: str, **arguments: object) -> Iterator[str]:
        """The messages of a call as they come: progress, then the answer."""
        params = {"name": tool, "arguments": arguments, "_meta": {"progressToken": 1}}
        body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
        headers = self._headers
        with httpx.stream("POST", f"{self.url}/mcp", json=body, headers=headers, timeout=40) as answer:
            assert answer.status_code == 200
            for line in answer.iter_lines():
                if line.startswith("data: {"):
                    yield line.removeprefix("data: ")

    @property
    def _headers(self) -> dict[str, str]:
        return {**ACCEPT, "Authorization": f"Bearer {self.key}"}

    def call(self, tool: str, **arguments: object) -> dict[str, Any]:
        """The tool's answer: one text, which says the same as the structured content."""
        result = answered(self.ask("tools/call", name=tool, arguments=arguments))["result"]
        (block,) = result["content"]
        assert json.loads(block["text"]) == result["structuredContent"]
        assert result["isError"] is not result["structuredContent"]["ok"]
        return dict(result["structuredContent"])


def answered(answer: httpx.Response) -> dict[str, Any]:
    """The answer's message, which may come as the last of several events."""
    assert answer.status_code == 200, answer.text
    if answer.headers["Content-Type"].startswith("application/json"):
        return dict(answer.json())
    lines = [line.removeprefix("data: ") for line in answer.text.splitlines() if line.startswith("data: ")]
    return dict(json.loads(lines[-1]))


@pytest.fixture(scope="module")
def server(cli: CommandLine) -> Iterator[str]:
    """The URL of a server that works on builds itself."""
    with cli.started("server", "--port", 0) as process:
        yield logged(process, r"action=ready url=(\S+)")
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=40)
    assert process.returncode == 0, err


@pytest.fixture(scope="module")
def template(cli: CommandLine) -> str:
    """The id of the template ``scratch``."""
    return next(str(each["id"]) for each in cli.json("templates", "list") if each["name"] == "scratch")


def host(cli: CommandLine, url: str, *words: object) -> Host:
    return Host(url, cli.json("tokens", "create", "test", *words)["key"])


def test_a_host_with_a_token_builds_a_workspace_and_works_in_it(
    cli: CommandLine, server: str, template: str
) -> None:
    me = host(cli, server)

    listed = answered(me.ask("tools/list"))["result"]["tools"]
    created = me.call("create_workspace", template_id=template)
    written = me.call("write_file", path="sum.sh", content="echo $((40 + 1))\n")
    edits = json.dumps([{"path": "sum.sh", "old": "+ 1", "new": "+ 2"}])  # some hosts send lists as text
    edited = me.call("edit_files", edits=edits)
    executed = me.call("execute", command="sh sum.sh")
    stopped = me.call("stop_workspace")

    assert [tool["name"] for tool in listed] == [tool.name for tool in TOOLS]
    assert (created["created"], created["agent_status"]) == (True, "ready")
    assert written["ok"] is True
    assert edited["files"] == [{"path": "sum.sh", "replacements": 1}]
    assert (executed["exit_code"], executed["output"]) == (0, "42\n")
    assert stopped["stopped"] is True


def test_a_command_that_takes_longer_than_the_call_goes_on_and_is_found_again(
    cli: CommandLine, server: str, template: str
) -> None:
    me = host(cli, server)
    me.call("create_workspace", template_id=template)

    running = me.call("execute", command="until [ -e go ]; do sleep 0.1; done; echo done", wait_seconds=0)
    me.call("execute", command="touch go")
    ended = me.call("process_output", process_id=running["process_id"], wait_seconds=30)
    huge = me.call("execute", command="yes $(printf %0100d 7) | head -c 3000000")

    assert (running["running"], "process_output" in running["message"]) == (True, True)
    assert (ended["running"], ended["output"]) == (False, "done\n")
    assert huge["output_bytes"] == 3_000_000
    assert len(json.dumps(huge)) < 24_000
    me.call("stop_workspace")


def test_a_token_that_may_only_read_runs_nothing(cli: CommandLine, server: str) -> None:
    reader = host(cli, server, "--scope", "read")

    assert reader.call("list_templates")["ok"] is True
    assert "may only read" in reader.call("execute", command="true")["error"]


def test_a_token_that_was_revoked_is_refused(cli: CommandLine, server: str) -> None:
    made = cli.json("tokens", "create", "short")
    before = Host(server, made["key"]).ask("tools/list")
    assert cli.inside("tokens", "revoke", made["id"]).code == 0

    after = Host(server, made["key"]).ask("tools/list")

    assert (before.status_code, after.status_code) == (200, 401)
    assert after.headers["WWW-Authenticate"] == 'Bearer error="invalid_token"'


def test_a_server_that_ends_answers_the_call_that_waits(cli: CommandLine, endless: str) -> None:
    key = cli.json("tokens", "create", "waiting")["key"]
    slow = next(str(each["id"]) for each in cli.json("templates", "list") if each["name"] == endless)
    # The build is the background engine's, so it goes on.
    with cli.started("server", "--port", 0, "--slots", 0) as process:
        me = Host(logged(process, r"action=ready url=(\S+)"), key)
        build = me.call("create_workspace", template_id=slow, wait_seconds=0)["build_id"]
        lines: list[str] = []
        for line in me.followed("wait_for_workspace", wait_seconds=4):
            if not lines:  # the first progress: the call waits
                process.send_signal(signal.SIGTERM)
            lines.append(line)
        process.communicate(timeout=40)

    answer = json.loads(lines[-1])["result"]["structuredContent"]
    assert process.returncode == 0
    assert (answer["ok"], answer["status"], answer["build_id"]) == (True, "building", build)
    assert cli.inside("builds", "cancel", build).code == 0
