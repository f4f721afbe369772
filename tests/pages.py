"""Pages of documentation as programs: what stands in their fenced blocks is run."""

import itertools
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from provisioner.provisioners.processes import kill_processes

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
            (program, below[1]) for (language, program), below in pairs if (language, below[0]) == _EXAMPLE
        ]


@contextmanager
def like_a_clone(folder: Path) -> Iterator[Path]:
    """The folder as a working directory like that of a clone; workspaces made there end with the block."""
    (folder / "examples").symlink_to(ROOT / "examples")
    yield folder
    for agent in folder.glob("**/workspaces/.agents/*"):
        kill_processes(agent.name)
