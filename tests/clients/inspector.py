"""The MCP Inspector's command line, as an operator uses it to look at a server."""

import json
import os
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.clients.conversation import normalized
from tests.clients.servers import World

_BIN = Path(__file__).parent / "node_modules" / ".bin" / "mcp-inspector"
OK, AUTH_REQUIRED, TOOL_FAILED = 0, 3, 5


@dataclass(frozen=True, kw_only=True)
class Look:
    """One command: its target, its words, the exit code that it has to end with."""

    title: str
    target: Sequence[str]
    words: Sequence[str]
    code: int = OK

    def run(self, node: Path, home: Path) -> str:
        """What it printed."""
        done = subprocess.run(
            [_BIN, "--cli", *self.target, *self.words, "-q"],
            env={"PATH": f"{node.parent}:{os.environ['PATH']}", "HOME": str(home)},
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            timeout=60,
        )
        assert done.returncode == self.code, (
            self.title,
            done.returncode,
            done.stdout[-2000:],
            done.stderr[-2000:],
        )
        return done.stdout


def session(node: Path, world: World, http: Mapping[str, Any]) -> str:
    """Everything the Inspector is asked, and its answers, as a page shows them."""
    server = world.stdio(2)
    stdio = [server["command"], *server["args"], "-e", f"CHATTOOL_HOME={world.home}"]
    token = ["--header", f"Authorization: {http['headers']['Authorization']}"]
    web = [http["url"], "--transport", "http"]
    listing = ["--method", "tools/list", "--strict", "--format", "json"]

    def call(tool: str, *words: str, **arguments: object) -> list[str]:
        given = ["--tool-name", tool, "--tool-args-json", json.dumps(arguments)]
        return ["--method", "tools/call", *given, "--format", "json", *words]

    slow, huge = world.templates["slow"], world.templates["huge"]
    pinned = [*stdio, "-e", "CHATTOOL_CHAT=inspector"]
    looks = [
        Look(title="List the tools over stdio, strictly", target=stdio, words=listing),
        Look(title="List the tools over HTTP, strictly", target=[*web, *token], words=listing),
        Look(title="Without a token", target=web, words=["--method", "tools/list"], code=AUTH_REQUIRED),
        Look(
            title="Create a workspace, and do not wait",
            target=pinned,
            words=call("create_workspace", "--protocol-era", "legacy", template_id=slow, wait_seconds=0),
        ),
        Look(
            title="Re-join the build, in a process of its own",
            target=pinned,
            words=call("wait_for_workspace", "--protocol-era", "modern"),
        ),
        Look(
            title="Be refused by the quota",
            target=[*web, *token],
            words=call("create_workspace", "--protocol-era", "modern", template_id=huge),
            code=TOOL_FAILED,
        ),
        Look(
            title="Call a tool that does not exist",
            target=[*web, *token],
            words=call("delete_everything"),
            code=TOOL_FAILED,
        ),
    ]
    return "\n".join(_shown(look, look.run(node, world.home), stdio) for look in looks)


def _shown(look: Look, printed: str, stdio: Sequence[str]) -> str:
    target = "chattool mcp" if look.target[0] == stdio[0] else "$URL"
    pins = [word for word in look.target if word.startswith("CHATTOOL_CHAT")]
    header = [word for word in look.target if word.startswith("Authorization")]
    words = [
        "npx @modelcontextprotocol/inspector --cli",
        target,
        *(f"-e {pin}" for pin in pins),
        *('--header "Authorization: Bearer $TOKEN"' for _ in header),
        *(f"'{word}'" if word.startswith("{") else word for word in look.words),
    ]
    answer = _answer(printed)
    code = "" if look.code == OK else f"\n(exit code {look.code})"
    return f"{look.title}:\n\n```text\n$ {normalized(' '.join(words))}\n{normalized(answer)}{code}\n```\n"


def _answer(printed: str) -> str:
    try:
        document = json.loads(printed)
    except ValueError:
        return printed.strip()
    result = document.get("result", document)
    if "tools" in result:
        return ", ".join(tool["name"] for tool in result["tools"])
    return json.dumps(result.get("structuredContent", result), separators=(",", ":"))
