"""The programs of docs/frameworks.md, as they stand there."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests.frameworks.provider import provider
from tests.frameworks.script import Script
from tests.pages import Page, like_a_clone

PAGE = Page("docs/frameworks.md")


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    with like_a_clone(tmp_path) as folder:
        yield folder


def test_every_program_shows_its_output() -> None:
    assert len(PAGE.programs()) == len(PAGE.blocks("python")) == 5


@pytest.mark.parametrize("snippet", PAGE.blocks("py"))
def test_what_is_no_program_is_python(snippet: str) -> None:
    compile(snippet, "docs/frameworks.md", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)


def first_template(outputs: Sequence[str]) -> dict[str, object]:
    return {"template_id": json.loads(outputs[-1])["templates"][0]["id"]}


@pytest.mark.parametrize(("source", "printed"), PAGE.programs())
def test_a_program_makes_a_workspace_and_prints_what_it_says(folder: Path, source: str, printed: str) -> None:
    with provider(Script([("list_templates", {}), ("create_workspace", first_template)])) as served:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder),
            "OPENAI_API_KEY": "no-key",
            "OPENAI_BASE_URL": f"{served.url}/v1",
            "OPENAI_AGENTS_DISABLE_TRACING": "1",
            "ANTHROPIC_API_KEY": "no-key",
            "ANTHROPIC_BASE_URL": served.url,
        }
        ended = subprocess.run(
            [sys.executable, "-c", source],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=50,
        )
        assert (ended.stdout, ended.returncode) == (printed, 0), ended.stderr
        assert json.loads(served.outputs[-1].text)["created"] is True
