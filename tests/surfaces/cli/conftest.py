"""State directories for the command line: a new one, and one that a module shares."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from chattool.bundled_templates import bundled_templates
from tests.surfaces.cli.command_line import CommandLine


@pytest.fixture
def new(tmp_path: Path) -> Iterator[CommandLine]:
    """The command line on a state directory that does not exist yet."""
    command_line = CommandLine(tmp_path / "home")
    yield command_line
    if command_line.home.is_dir():
        command_line.clean_up()


def stocked(command_line: CommandLine) -> CommandLine:
    """The command line, after it has pushed the example templates and set an allowance."""
    for folder in bundled_templates():
        pushed = command_line.inside("templates", "push", folder)
        assert pushed.code == 0, pushed
    allowed = command_line.inside("groups", "set-allowance", "Everyone", 200)
    assert allowed.code == 0, allowed
    return command_line


@pytest.fixture(scope="module")
def cli(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandLine]:
    """The command line on a state directory with templates and 200 credits, shared by a module."""
    command_line = CommandLine(tmp_path_factory.mktemp("shared") / "home")
    try:
        yield stocked(command_line)
    finally:
        command_line.clean_up()


@pytest.fixture(scope="session")
def endless_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A template whose start goes on until it is interrupted."""
    folder = tmp_path_factory.mktemp("templates") / "endless"
    folder.mkdir()
    steps = {
        "0.parse": {"complete": {}},
        "0.plan": {"complete": {"cost": 1}},
        "0.start.apply": {"log": {"level": "info", "output": "at it"}},
        "1.start.apply": {"delay_ms": 600_000},
        "0.apply": {"complete": {}},
    }
    for name, step in steps.items():
        (folder / f"{name}.json").write_text(json.dumps(step), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def endless(cli: CommandLine, endless_folder: Path) -> str:
    """Name of that template, on the shared state directory."""
    assert cli.inside("templates", "push", endless_folder).code == 0
    return endless_folder.name
