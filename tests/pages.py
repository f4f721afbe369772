"""Pages of documentation as programs: what stands in their fenced blocks is run."""

import itertools
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_EXAMPLE = ("python", "text")


class Page:
    """One page, by its path in the repository."""

    def __init__(self, path: str) -> None:
        self._blocks = _BLOCK.findall((ROOT / path).read_text(encoding="utf-8"))

    def blocks(self, language: str) -> list[str]:
        """The text of each block in that language."""
        return [text for found, text in self._blocks if found == language]

    def programs(self) -> list[tuple[str, str]]:
        """Each Python program, and the output that stands below it."""
        pairs = itertools.pairwise(self._blocks)
        return [
            (program, below[1])
            for (language, program), below in pairs
            if (language, below[0]) == _EXAMPLE
        ]
