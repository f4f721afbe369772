"""What the clients talk to: a state directory with templates, and both majors of mcp serving it."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from chattool.engine import open_engine
from tests.surfaces.cli.command_line import CommandLine
from tests.surfaces.cli.test_server import logged

ROOT = Path(__file__).parents[2]
#: The interpreters, by the major of mcp that they have.
PYTHONS = {2: Path(sys.executable), 1: ROOT / ".venv-mcp1" / "bin" / "python"}

#: What each template costs, and how long its start takes. The budget is 500.
TEMPLATES = {"slow": (1, 2500), "huge": (1000, 0)}
#: One with a real agent inside.
WORKPLACE = ROOT / "examples" / "templates" / "scratch"
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
        """A running ``chattool server``, and how a client reaches it. The background engine works for it."""
        key = self.command_line.json("tokens", "create", "clients")["key"]
        command_line = CommandLine(self.home, python=PYTHONS[major])
        with command_line.started("server", "--port", 0, "--slots", 0) as process:
            url = logged(process, r"action=ready url=(\S+)")
            yield {"url": f"{url}/mcp", "headers": {"Authorization": f"Bearer {key}"}}
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=40)


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
        _push(command_line, template)
    _push(command_line, WORKPLACE)
    assert command_line.inside("groups", "set-allowance", "Everyone", BUDGET).code == 0
    listed = command_line.json("templates", "list")
    return World(
        command_line=command_line,
        templates={each["name"]: each["id"] for each in listed},
        foreign_chat=asyncio.run(_foreign_chat(command_line.home)),
    )


def _push(command_line: CommandLine, template: Path) -> None:
    ended = command_line.inside("templates", "push", template)
    assert ended.code == 0, ended.err


async def _foreign_chat(home: Path) -> str:
    async with open_engine(f"sqlite:///{home / 'chattool.db'}", user="ben", run_daemon=False) as engine:
        return str((await engine.toolset("theirs")).context.chat_id)
