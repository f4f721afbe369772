"""What the README shows is what happens: its Python and its commands are run, their output compared."""

import ast
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from provisioner.template_toml import read_template
from tests.pages import Page, like_a_clone
from tests.surfaces.cli.command_line import CommandLine

ELISION = "…"
README = Page("README.md")
blocks = README.blocks


def normalized(text: str) -> str:
    """The text without what differs from run to run: ids, paths, times, process ids, blanks that align."""
    text = re.sub(r"/\S+/workspaces/", "PATH/workspaces/", text)
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|\bp?[0-9a-f]{8}\b", "ID", text)
    text = re.sub(r"\bscratch-[0-9a-f]{4}\b", "scratch-NAME", text)
    text = re.sub(r"\b\d+\.\d+ s\b", "TIME", text)
    text = re.sub(r"(processes +).*", r"\1PROCESSES", text)
    return "\n".join(re.sub(r"(?<=\S) {2,}", "  ", line).rstrip() for line in text.strip().splitlines())


def assert_matches(expected: str, actual: str) -> None:
    """The parts of ``expected`` between elisions are in ``actual`` in their order, the first at its start."""
    rest = normalized(actual)
    for number, part in enumerate(re.split(rf"^{ELISION}$", normalized(expected), flags=re.MULTILINE)):
        place = rest.find(part.strip("\n"))
        assert place == 0 or (place > 0 and number > 0), f"not shown:\n{part}\nbut:\n{rest}"
        rest = rest[place + len(part.strip("\n")) :]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("HOME", str(tmp_path))
    with like_a_clone(tmp_path) as folder:
        yield folder


def test_every_program_shows_its_output() -> None:
    assert len(README.programs()) == len(blocks("python")) > 0


@pytest.mark.parametrize(("source", "printed"), README.programs())
def test_the_python_prints_what_it_says(folder: Path, source: str, printed: str) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", source], cwd=folder, capture_output=True, text=True, timeout=50, check=False
    )

    assert (ended.stdout, ended.returncode) == (printed, 0), ended.stderr


@pytest.mark.parametrize("transcript", blocks("console"))
def test_the_commands_answer_as_shown(folder: Path, transcript: str) -> None:
    run = CommandLine(folder / "home")
    try:
        for shown in re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]:
            command, _, expected = shown.partition("\n")
            program, *words = shlex.split(command)
            if program == "chattool":
                assert_matches(expected, run(*words).out)
    finally:
        run.clean_up()


def test_the_example_of_a_template_is_one(tmp_path: Path) -> None:
    (source,) = blocks("toml")
    (tmp_path / "template.toml").write_text(source, encoding="utf-8")

    assert read_template(tmp_path).name == tomllib.loads(source)["name"]


def test_the_json_for_hosts_is_json_that_starts_the_server() -> None:
    (source,) = blocks("json")

    assert json.loads(source)["mcpServers"]["chattool"] == {"command": "chattool", "args": ["mcp"]}


@pytest.mark.parametrize("source", blocks("py"))
def test_the_python_for_frameworks_is_python(source: str) -> None:
    compile(source, "README.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def test_the_shell_commands_are_known() -> None:
    for line in "".join(blocks("sh")).splitlines():
        program, *words = shlex.split(line)
        if program == "chattool":
            ended = CommandLine(Path("unused"))(*words, "--help")
            assert ended.code == 0, line
