"""What the clients talk to: a state directory with templates, and both majors of mcp serving it."""

import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chattool.engine import open_engine
from tests.clients.http_server import TOKEN
from tests.surfaces.cli.command_line import CommandLine

ROOT = Path(__file__).parents[2]
#: The interpreters, by the major of mcp that they have.
PYTHONS = {2: Path(sys.executable), 1: ROOT / ".venv-mcp1" / "bin" / "python"}

#: What each template costs, and how long its start takes. The budget is 500.
TEMPLATES = {"slow": (1, 2500), "huge": (1000, 0)}
BUDGET = 500


@dataclass(frozen=True, kw_only=True)
class World:
    """A state directory whose engine runs, for one module of tests."""

    command_line: CommandLine
    templates: Mapping[str, str]
    foreign_chat: str
    """The id of a chat of somebody else."""

    @property
    def home(self) -> Path:
        return self.command_line.home

    def stdio(self, major: int, **environment: str) -> dict[str, Any]:
        """How a client starts the server."""
        return {
            "command": str(PYTHONS[major]),
            "args": ["-P", "-m", "chattool", "mcp"],
            "env": {"PATH": os.environ["PATH"], "CHATTOOL_HOME": str(self.home), **environment},
        }

    @contextmanager
    def http(self, major: int) -> Iterator[dict[str, Any]]:
        """A running server, and how a client reaches it."""
        process = subprocess.Popen(
            [PYTHONS[major], "-m", "tests.clients.http_server", f"sqlite:///{self.home / 'chattool.db'}"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            port = int(process.stdout.readline())
            yield {
                "url": f"http://127.0.0.1:{port}/mcp",
                "headers": {"Authorization": f"Bearer {TOKEN}"},
            }
        finally:
            try:
                process.communicate(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.communicate()


def make_world(folder: Path) -> World:
    """A new state directory with templates of echo steps."""
    command_line = CommandLine(folder / "home")
    for name, (cost, delay_ms) in TEMPLATES.items():
        template = folder / name
        template.mkdir()
        steps = {
            "0.parse": {"complete": {}},
            "0.plan": {"complete": {"cost": cost}},
            "0.apply": {"delay_ms": delay_ms},
            "1.apply": {"complete": {}},
        }
        for step, script in steps.items():
            (template / f"{step}.json").write_text(json.dumps(script), encoding="utf-8")
        ended = command_line.inside("templates", "push", template)
        assert ended.code == 0, ended.err
    assert command_line.inside("groups", "set-allowance", "Everyone", BUDGET).code == 0
    listed = command_line.json("templates", "list")
    return World(
        command_line=command_line,
        templates={each["name"]: each["id"] for each in listed},
        foreign_chat=asyncio.run(_foreign_chat(command_line.home)),
    )


async def _foreign_chat(home: Path) -> str:
    async with open_engine(f"sqlite:///{home / 'chattool.db'}", user="ben", run_daemon=False) as engine:
        return str((await engine.toolset("theirs")).context.chat_id)
