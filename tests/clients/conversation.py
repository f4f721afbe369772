"""The conversation that every client has with every server, and what has to come of it."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from chattool.tools import TOOLS
from tests.clients.servers import World

INVALID_PARAMS = -32602
_CHAT = "chattool/chat_id"


@dataclass(frozen=True, kw_only=True)
class Step:
    """One call, and what it shows."""

    title: str
    tool: str
    arguments: Mapping[str, object]
    chat: str = ""
    shows_progress: bool = False
    timeout_seconds: float = 30

    def document(self, prefix: str) -> dict[str, Any]:
        """What the client program is told; ``prefix`` keeps the chats of one client apart from others'."""
        meta = {"meta": {_CHAT: f"{prefix}.{self.chat}"}} if self.chat else {}
        return {
            "tool": self.tool,
            "arguments": dict(self.arguments),
            "timeout_seconds": self.timeout_seconds,
            **meta,
        }


def steps(world: World) -> list[Step]:
    """The conversation."""
    slow, huge, scratch = ({"template_id": world.templates[name]} for name in ("slow", "huge", "scratch"))
    return [
        Step(
            title="Create a workspace, with progress",
            tool="create_workspace",
            arguments=slow,
            chat="a",
            shows_progress=True,
        ),
        Step(title="Be refused by the quota", tool="create_workspace", arguments=huge, chat="b"),
        Step(
            title="Do not wait",
            tool="create_workspace",
            arguments={**slow, "wait_seconds": 0},
            chat="c",
        ),
        Step(
            title="Give up after a second",
            tool="create_workspace",
            arguments=slow,
            chat="d",
            timeout_seconds=1,
        ),
        Step(title="Re-join the build", tool="wait_for_workspace", arguments={}, chat="d"),
        Step(
            title="Create a workspace to work in",
            tool="create_workspace",
            arguments={**scratch, "wait_seconds": 50},
            chat="e",
        ),
        Step(
            title="Write a file",
            tool="write_file",
            arguments={"path": "sum.sh", "content": "echo $((40 + 1))\n"},
            chat="e",
        ),
        Step(
            title="Edit it",
            tool="edit_files",
            arguments={"edits": [{"path": "sum.sh", "old": "+ 1", "new": "+ 2"}]},
            chat="e",
        ),
        Step(title="Run it", tool="execute", arguments={"command": "sh sum.sh; exit 3"}, chat="e"),
        Step(
            title="Do not wait for a long command",
            tool="execute",
            arguments={"command": "sleep 600", "timeout_seconds": 900, "wait_seconds": 1},
            chat="e",
        ),
        Step(title="Stop the workspace", tool="stop_workspace", arguments={}, chat="e"),
        Step(title="Call a tool that does not exist", tool="delete_everything", arguments={}),
        Step(
            title="Name a chat of somebody else",
            tool="stop_workspace",
            arguments={"chat_id": world.foreign_chat},
        ),
    ]


def check(seen: Sequence[Mapping[str, Any]]) -> None:
    """Whether a client saw what it should."""
    listing, created, refused, building, timed_out, joined, *working, unknown, foreign = seen
    assert listing["tools"] == [tool.name for tool in TOOLS]

    answer = _envelope(created, ok=True)
    assert answer["created"] is True
    values = [value for value, _, _ in created["progress"]]
    assert values == sorted(set(values))
    assert [5, 9, "Starting workspace"] in created["progress"]

    answer = _envelope(refused, ok=False)
    assert answer["error_code"] == "INSUFFICIENT_QUOTA"
    assert (answer["quota"]["budget"], answer["quota"]["cost"]) == (500, 1000)
    assert answer["quota"].keys() == {"credits_consumed", "budget", "cost"}

    answer = _envelope(building, ok=True)
    assert (answer["status"], answer["agent_status"]) == ("building", "starting")
    assert answer["build_id"]

    assert timed_out["error"]["code"] != INVALID_PARAMS
    answer = _envelope(joined, ok=True)
    assert answer["status"] == "running"

    _check_work(working)

    assert unknown["error"]["code"] == INVALID_PARAMS
    assert "Unknown tool: delete_everything" in unknown["error"]["message"]

    answer = _envelope(foreign, ok=False)
    assert answer["error"] == "unknown chat_id; leave it out to use the default chat"


def _check_work(seen: Sequence[Mapping[str, Any]]) -> None:
    """What came of the calls that work inside a workspace."""
    created, written, edited, executed, running, stopped = [_envelope(each, ok=True) for each in seen]
    assert created["agent_status"] == "ready"
    assert written["created"] is True
    assert edited["files"] == [{"path": "sum.sh", "replacements": 1}]
    assert (executed["exit_code"], executed["output"]) == (3, "42\n")  # a failure is an ordinary answer
    assert (running["running"], "exit_code" in running) == (True, False)
    assert "process_output" in running["message"]
    assert stopped["stopped"] is True


def _envelope(seen: Mapping[str, Any], *, ok: bool) -> dict[str, Any]:
    """The answer, which text and structured content have to agree about."""
    assert "error" not in seen, seen
    (text,) = seen["text"]
    document = dict(json.loads(text))
    assert document == seen["structured"]
    assert (document["ok"], seen["is_error"]) == (ok, not ok)
    return document


def shown(steps_: Sequence[Step], seen: Sequence[Mapping[str, Any]]) -> str:
    """The conversation as a page shows it, without what differs from run to run."""
    parts = [f"The client lists the tools: {', '.join(f'`{name}`' for name in seen[0]['tools'])}.\n"]
    for step, outcome in zip(steps_, seen[1:], strict=True):
        arguments = json.dumps(dict(step.arguments))
        lines = [f"→ {step.tool} {arguments}"]
        if step.timeout_seconds < 10:
            lines.append(f"  (the client's limit: {step.timeout_seconds:g} s)")
        if step.shows_progress:
            lines.append("  … progress 5 of 9: Starting workspace")
        if "error" in outcome:
            lines.append(f"← error {outcome['error'].get('code')}: {outcome['error']['message']}")
        else:
            lines.append(f"← isError {str(outcome['is_error']).lower()}")
            lines += outcome["text"]
        text = "\n".join(lines)
        parts.append(f"{step.title}:\n\n```text\n{normalized(text)}\n```\n")
    return "\n".join(parts)


def normalized(text: str) -> str:
    """The text with placeholders for ids, generated names and what is spent."""
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<id>", text)
    text = re.sub(r"\b(slow|huge|scratch)-[0-9a-f]{4}\b", r"\1-<name>", text)
    text = re.sub(r'("process_id":\s*)"p[0-9a-f]+"', r'\1"<process>"', text)
    text = re.sub(r'"duration_ms":\s*\d+', '"duration_ms":<n>', text)
    return re.sub(r'"credits_consumed":\s*\d+', '"credits_consumed":<n>', text)
