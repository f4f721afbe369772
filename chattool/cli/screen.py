"""Where answers go: one JSON document on standard output, or text for people."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console, RenderableType

#: Without a terminal nothing is cut: whoever reads a pipe wants the whole line.
_PIPE_WIDTH = 10_000


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows for people; numbers go to the right. Ids and the first column are never broken."""

    columns: Sequence[str]
    rows: Sequence[Sequence[object]]
    numbers: frozenset[str] = field(default_factory=frozenset)
    empty: str = "Nothing yet."
    """What to say instead of a table without rows."""


class Screen:
    """Standard output and standard error of one command."""

    def __init__(self, *, json: bool) -> None:
        self.json = json

    @cached_property
    def out(self) -> Console:
        """Text for people on standard output. Silent when the answer is JSON."""
        return self._console(stderr=False, quiet=self.json)

    @cached_property
    def err(self) -> Console:
        """Text for people on standard error."""
        return self._console(stderr=True, quiet=False)

    def document(self, document: Mapping[str, object] | Sequence[object]) -> None:
        """Write the command's one JSON document."""
        text = json.dumps(document, ensure_ascii=False, indent=2, default=str)
        sys.stdout.write(text.encode("utf-8", "replace").decode("utf-8") + "\n")

    def show(self, document: Mapping[str, object] | Sequence[object], text: Table | RenderableType) -> None:
        """Answer with the document or, for people, with the text."""
        if self.json:
            self.document(document)
        elif isinstance(text, Table):
            self._table(text)
        else:
            self._print(text)

    def line(self, text: str, *, style: str = "", indent: int = 0) -> None:
        """One line for people, taken literally; a terminal that is too narrow keeps the indent."""
        if indent and self.out.is_terminal:
            from rich.padding import Padding
            from rich.text import Text

            self.out.print(Padding(Text(text, style=style, overflow="fold"), (0, 0, 0, indent)))
            return
        self.out.print(" " * indent + text, style=style, markup=False, highlight=False, soft_wrap=True)

    def note(self, text: str) -> None:
        """A remark for people on standard error, taken literally."""
        if not self.json:
            self.err.print(text, style="dim", markup=False, highlight=False, soft_wrap=True)

    def warning(self, text: str) -> None:
        """What is amiss though the command succeeded, for people on standard error, taken literally."""
        if not self.json:
            self.err.print(f"warning: {text}", style="yellow", markup=False, highlight=False, soft_wrap=True)

    def error(self, text: str) -> None:
        """What went wrong, in one line on standard error, taken literally."""
        self.err.print(
            f"error: {' '.join(text.split())}", style="red", markup=False, highlight=False, soft_wrap=True
        )

    def facts(self, pairs: Iterable[tuple[str, object]]) -> RenderableType:
        """Names and values, one pair per line."""
        from rich.table import Table as Grid

        grid = Grid.grid(padding=(0, 2))
        grid.add_column(style="bold")
        grid.add_column(overflow="fold")
        for name, value in pairs:
            grid.add_row(_literal(name), _literal(value))
        return grid

    def _table(self, table: Table) -> None:
        from rich.table import Table as Grid

        if not table.rows:
            self.line(table.empty, style="dim")
            return
        grid = Grid(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
        for column in table.columns:
            grid.add_column(
                column.upper(),
                justify="right" if column in table.numbers else "left",
                overflow="fold",
                no_wrap=column in {"id", table.columns[0]},
            )
        for row in table.rows:
            grid.add_row(*(_literal(cell) for cell in row))
        self._print(grid)

    def _print(self, text: RenderableType) -> None:
        if self.out.is_terminal:
            self.out.print(text, highlight=False)
            return
        # In a pipe or a file the blanks that fill up the last column are only in the way.
        with self.out.capture() as captured:
            self.out.print(text, highlight=False)
        for line in captured.get().splitlines():
            self.line(line.rstrip())

    @staticmethod
    def _console(*, stderr: bool, quiet: bool) -> Console:
        from rich.console import Console

        class Pipe(Console):
            def on_broken_pipe(self) -> None:
                raise  # noqa: PLE0704 - called while it is handled; Rich would exit with 1

        stream = sys.stderr if stderr else sys.stdout
        width = None if stream.isatty() or "COLUMNS" in os.environ else _PIPE_WIDTH
        return Pipe(stderr=stderr, quiet=quiet, width=width, emoji=False)


def _literal(value: object) -> RenderableType:
    from rich.text import Text

    return value if isinstance(value, Text) else Text("" if value is None else str(value))
