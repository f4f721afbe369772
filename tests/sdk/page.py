"""``docs/provider-errors.md``: one section per SDK, rewritten by the test that ran it."""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[2] / "docs" / "provider-errors.md"

_HEAD = """# What SDKs raise, and what we say

Written by `tests/sdk`, which runs each SDK against a loopback server that misbehaves. `classify` saw nothing
but the exception; a host that names its provider (`classify(error, provider="openai")`) gets its name in the
headline as well. Streams went through `stream_guard`. `nothing`: the SDK returned as if all was well.
"""
_COLUMNS = "| case | raised | kind | retry | code | evidence |\n| --- | --- | --- | --- | --- | --- |\n"


def section(client: str, outcomes: list[dict[str, Any]]) -> str:
    """The section of one client."""
    *cases, version = outcomes
    rows = "".join(_row(case) for case in cases)
    return f"## {client} ({version['package']} {version['version']})\n\n{_COLUMNS}{rows}"


def updated(client: str, outcomes: list[dict[str, Any]], order: list[str]) -> bool:
    """Whether the page had to be changed; it has the section now."""
    PAGE.parent.mkdir(exist_ok=True)
    with PAGE.open("a+", encoding="utf-8") as file:
        fcntl.flock(file, fcntl.LOCK_EX)  # the tests of several SDKs may run at once
        file.seek(0)
        before = file.read()
        sections = _sections(before) | {client: section(client, outcomes)}
        known = [sections[name] for name in order if name in sections]
        after = "\n".join([_HEAD, *known])
        if after != before:
            file.truncate(0)
            file.write(after)
    return after != before


def _sections(text: str) -> dict[str, str]:
    parts = text.split("\n## ")[1:]
    return {part.partition(" (")[0]: f"## {part.rstrip()}\n" for part in parts}


def _row(case: dict[str, Any]) -> str:
    if not case["raised"]:
        return f"| {case['case']} | nothing | | | | |\n"
    retry = "yes" if case["retryable"] else "no"
    cells = (case["case"], f"`{case['raised']}`", f"`{case['kind']}`", retry, case["code"], case["evidence"])
    return "| " + " | ".join(cells).replace("|  |", "| |") + " |\n"
