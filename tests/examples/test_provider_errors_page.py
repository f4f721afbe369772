"""What ``docs/provider-errors.md`` shows is what happens."""

from __future__ import annotations

import os
import re
import shlex
import socket
import subprocess
import sys
from pathlib import Path

from chattool.chaterror import Kind, ProviderError, classify, next_step

PAGE = (Path(__file__).parents[2] / "docs" / "provider-errors.md").read_text(encoding="utf-8")
BLOCKS = re.compile(r"^```([^\n]+)\n(.*?)^```$", re.MULTILINE | re.DOTALL).findall(PAGE)


def _table(heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its head."""
    below = PAGE.split(f"## {heading}\n\n")[1].split("\n\n")
    lines = next(block for block in below if block.startswith("|")).splitlines()[2:]
    return [[cell.strip().strip("`") for cell in line.split("|")[1:-1]] for line in lines]


def _answer(status: int, code: str, headers: dict[str, str] | None = None) -> ProviderError:
    return ProviderError("", status_code=status, body={"error": {"code": code}}, headers=headers)


def _unresolved() -> Exception:
    error = ConnectionError("cannot connect")
    error.__cause__ = socket.gaierror(socket.EAI_NONAME, "Name or service not known")
    return error


TROUBLES = {
    "out of credit": _answer(429, "insufficient_quota"),
    "over a rate limit": _answer(429, "rate_limit_exceeded", {"retry-after": "20"}),
    "wrong key": _answer(401, "invalid_api_key"),
    "too long prompt": _answer(400, "context_length_exceeded"),
    "dead network": _unresolved(),
}


def test_five_users_in_trouble_read_what_the_page_says() -> None:
    known = {name: classify(error, provider="openai") for name, error in TROUBLES.items()}
    assert _table("What people read") == [
        [name, found.kind, found.message, next_step(found)] for name, found in known.items()
    ]
    assert len({found.message for found in known.values()}) == len(known)


def test_the_page_lists_every_kind() -> None:
    assert [row[0] for row in _table("Kinds")] == [kind.value for kind in Kind]


def test_the_commands_answer_as_shown() -> None:
    (transcript,) = (text for language, text in BLOCKS if language == "console")
    for shown in re.split(r"^\$ ", transcript, flags=re.MULTILINE)[1:]:
        command, _, expected = shown.partition("\n")
        program, *words = shlex.split(command)
        assert program == "chattool"
        assert _output("-m", "chattool", *words) == expected


def test_the_program_prints_what_it_says() -> None:
    (program,) = (text for language, text in BLOCKS if language == "python")
    (output,) = (text for language, text in BLOCKS if language == "text")
    assert _output("-c", program) == output


def _output(*arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, *arguments],
        env=dict(os.environ),  # else a width that readline has set for itself comes along
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    return done.stdout
