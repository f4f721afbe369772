"""``docs/sdk-errors.md``: one section per client, rewritten by the test that ran it, and the sum of them."""

from __future__ import annotations

import fcntl
from collections import Counter
from pathlib import Path
from typing import Any

from tests.sdk.answers import CASES

PAGE = Path(__file__).parents[2] / "docs" / "sdk-errors.md"

_HEAD = """# What SDKs raise, and what we say

Written by `tests/sdk`, which runs real SDKs, HTTP clients and frameworks against a loopback server that
misbehaves. [Errors of LLM providers](provider-errors.md) says what to do about them.

`classify` saw nothing but the exception; a host that names its provider, as in
`classify(error, provider="openai")`, gets its name in the headline as well. Streams of SDKs went through
`stream_guard`. *nothing*: the call returned as if all was well. *spent money* and *too long* are said in
each provider's own way; *200 page* is a page in place of an answer.
"""
_SUMMARY = "| case | kind | retry | but |\n| --- | --- | --- | --- |\n"
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
        fcntl.flock(file, fcntl.LOCK_EX)  # the tests of several clients may run at once
        file.seek(0)
        before = file.read()
        sections = _sections(before) | {client: section(client, outcomes)}
        known = {name: sections[name] for name in order if name in sections}
        after = "\n".join([_HEAD, _summary(known), *known.values()])
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


def _summary(sections: dict[str, str]) -> str:
    """What most clients make of each case, and which ones leave us with something else."""
    verdicts = {client: _verdicts(text) for client, text in sections.items()}
    return _SUMMARY + "".join(_summary_row(case, verdicts) for case in CASES)


def _verdicts(text: str) -> dict[str, str]:
    """Kind and retry by case, as they stand in a section."""
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in text.splitlines()]
    return {row[0]: f"{row[2]} | {row[3]}" if row[2] else "nothing |" for row in rows if len(row) > 3}


def _summary_row(case: str, verdicts: dict[str, dict[str, str]]) -> str:
    by_client = {client: found.get(case, "") for client, found in verdicts.items()}
    (usual, _count), *others = Counter(by_client.values()).most_common()
    exceptions = [
        f"{other.replace(' | yes', ', retried').replace(' | no', ', final').removesuffix(' |')}: "
        + ", ".join(client for client, verdict in by_client.items() if verdict == other)
        for other, _count in sorted(others)
    ]
    return f"| {case} | {usual} | {'; '.join(exceptions)} |\n".replace("|  |", "| |")
