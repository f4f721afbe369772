"""Each real client sees the same over stdio and HTTP, in both eras, from both majors of the server."""

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.clients import conversation, inspector, page
from tests.clients.servers import PYTHONS, ROOT, World, make_world

pytestmark = pytest.mark.clients

CI = os.environ.get("CI") == "true"
HERE = Path(__file__).parent
NODE = HERE / "node_modules" / "node" / "bin" / "node"

RecordProperty = Callable[[str, object], None]

#: Transport, era, and major of mcp that the server runs on.
Meeting = tuple[str, str, int]
_BOTH_ERAS: list[Meeting] = [
    ("stdio", "auto", 2),
    ("stdio", "legacy", 1),
    ("HTTP", "auto", 2),
    ("HTTP", "legacy", 2),
]
#: Per client: its program, and what it meets.
CLIENTS: dict[str, tuple[list[str], list[Meeting]]] = {
    "python-2": ([str(PYTHONS[2]), "py_2.py"], _BOTH_ERAS),
    "python-1": ([str(PYTHONS[1]), "py_1.py"], [("stdio", "legacy", 1), ("HTTP", "legacy", 2)]),
    "typescript-2": ([str(NODE), "ts_2.mjs"], _BOTH_ERAS),
    "typescript-1": ([str(NODE), "ts_1.mjs"], [("stdio", "legacy", 2), ("HTTP", "legacy", 1)]),
}


def _require_environments() -> None:
    if PYTHONS[1].exists() and NODE.exists():
        return
    sentence = "the MCP clients are not installed; run: scripts/clients-env"
    if CI:
        pytest.fail(sentence)
    pytest.skip(sentence)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    _require_environments()
    world = make_world(tmp_path_factory.mktemp("clients"))
    yield world
    world.command_line.clean_up()


def _run(program: list[str], script: Mapping[str, Any]) -> list[dict[str, Any]]:
    done = subprocess.run(
        program,
        cwd=HERE,
        env={
            "PATH": os.environ["PATH"],
            "HOME": os.environ.get("HOME", "/"),
            "CLIENT_SCRIPT": json.dumps(script),
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.timeout(240)
@pytest.mark.parametrize("client", CLIENTS)
def test_a_client_sees_the_same_from_every_server(
    client: str, world: World, record_property: RecordProperty
) -> None:
    record_property("clients", client)
    program, meetings = CLIENTS[client]
    steps = conversation.steps(world)
    with ExitStack() as stack:
        majors = {major for transport, _, major in meetings if transport == "HTTP"}
        urls = {major: stack.enter_context(world.http(major)) for major in majors}
        cases = [
            (
                f"{transport}, {page.era(era)}, server on mcp {major}.x",
                era,
                urls[major] if transport == "HTTP" else world.stdio(major),
            )
            for transport, era, major in meetings
        ]
        scripts = [
            {
                "server": server,
                "era": era,
                "steps": [step.document(f"{client}.{number}") for step in steps],
            }
            for number, (_, era, server) in enumerate(cases)
        ]
        with ThreadPoolExecutor(max_workers=2) as pool:
            conversations = list(pool.map(lambda script: _run(program, script), scripts))

    for seen in conversations:
        conversation.check(seen)
    shown = [conversation.shown(steps, seen) for seen in conversations]
    changed = page.updated(client, [title for title, _, _ in cases], shown)
    assert not (changed and CI), f"docs/clients/{client}.md was out of date; it is written anew, commit it"


@pytest.mark.timeout(240)
def test_the_inspector_lists_strictly_and_reports_refusals(
    world: World, record_property: RecordProperty
) -> None:
    record_property("clients", "inspector")
    with world.http(2) as server:
        transcript = inspector.session(NODE, world, server)

    changed = page.written("inspector", transcript)
    assert not (changed and CI), "docs/clients/inspector.md was out of date; it is written anew, commit it"


@pytest.mark.parametrize("major", [2, 1])
def test_over_http_only_a_known_token_and_a_known_host_are_served(world: World, major: int) -> None:
    import httpx  # noqa: PLC0415 - not needed where the clients are not installed

    request = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}
    accept = {"Accept": "application/json, text/event-stream"}
    with world.http(major) as server, httpx.Client(headers=accept) as client:
        answers = {
            name: client.post(server["url"], json=request, headers=headers)
            for name, headers in {
                "known": server["headers"],
                "none": {},
                "unknown": {"Authorization": "Bearer other"},
                "basic": {"Authorization": "Basic dXNlcjpwYXNz"},
                "foreign host": {**server["headers"], "Host": "evil.example"},
                "foreign origin": {**server["headers"], "Origin": "http://evil.example"},
            }.items()
        }
        huge = client.post(server["url"], content=b" " * (5 << 20), headers=server["headers"])

    statuses = {name: answer.status_code for name, answer in answers.items()}
    assert statuses == {
        "known": 200,
        "none": 401,
        "unknown": 401,
        "basic": 401,
        "foreign host": 421,
        "foreign origin": 403,
    }
    assert answers["none"].headers["www-authenticate"] == 'Bearer error="invalid_token"'
    assert huge.status_code == 413


def test_the_lock_file_names_no_host() -> None:
    lock = (HERE / "package-lock.json").read_text(encoding="utf-8")

    assert '"resolved"' not in lock
    assert (ROOT / "requirements" / "mcp-1.txt").read_text(encoding="utf-8").count("mcp==1.27.0") == 1
