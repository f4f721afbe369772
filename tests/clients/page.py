"""The transcripts in ``docs/clients``, written by the tests that make them."""

from collections.abc import Sequence
from pathlib import Path

FOLDER = Path(__file__).parents[2] / "docs" / "clients"

_TITLES = {
    "python-1": "The Python client of mcp 1.27",
    "python-2": "The Python client of mcp 2.x",
    "typescript-1": "The TypeScript SDK, version 1",
    "typescript-2": "The TypeScript SDK, version 2",
    "inspector": "The MCP Inspector on the command line",
}
_ERAS = {"auto": "newest era", "legacy": "2025 era"}


def era(name: str) -> str:
    """The era in words."""
    return _ERAS[name]


def updated(client: str, titles: Sequence[str], shown: Sequence[str]) -> bool:
    """Whether a client's page had to be written anew. Conversations that look the same are shown once."""
    groups: dict[str, list[str]] = {}
    for title, text in zip(titles, shown, strict=True):
        groups.setdefault(text, []).append(title)
    sections = [
        "\n".join([f"## {'; '.join(same)}" if len(groups) > 1 else "## The conversation", "", text])
        for text, same in groups.items()
    ]
    where = "\n".join(f"* {title}" for title in titles)
    return written(
        client, f"What it saw, over each of these connections:\n\n{where}\n\n" + "\n".join(sections)
    )


def written(client: str, text: str) -> bool:
    """Whether the page had to be written anew."""
    path = FOLDER / f"{client}.md"
    page = (
        f"# {_TITLES[client]}\n\n"
        "Written by `scripts/test-clients`; placeholders stand for what differs from run to run.\n\n"
        f"{text.rstrip()}\n"
    )
    if path.exists() and path.read_text(encoding="utf-8") == page:
        return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(page, encoding="utf-8")
    return True
