"""How the tour looks."""

from __future__ import annotations

import json
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from chattool.cli.screen import Screen

_FLAGS = ("created", "started", "stopped", "status")
_ID_LENGTH = 36
_GAUGE_WIDTH = 20


class TourView:
    """Writes the steps of the tour."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._number = 0

    def step(self, title: str) -> None:
        self._number += 1
        self._write("")
        self._write(f"[bold cyan]{self._number}[/]  [bold]{title}[/]")

    def say(self, text: str) -> None:
        self._write(f"   {text}")

    def fact(self, name: str, value: str) -> None:
        from rich.table import Table
        from rich.text import Text

        if self._screen.json:
            return
        grid = Table.grid(padding=(0, 2, 0, 0))
        grid.add_column(width=1)
        grid.add_column(min_width=10, style="dim")
        grid.add_column(overflow="fold")
        grid.add_row("", Text(name), Text(value))
        self._screen.show([], grid)

    def call(self, tool: str, chat: str, arguments: Mapping[str, object]) -> None:
        """What the agent of ``chat`` calls."""
        from rich.markup import escape

        written = escape(", ".join(f"{name}={_written(value)}" for name, value in arguments.items()))
        self._write(f"   [cyan]→ {tool}[/]({written})  [dim]chat {chat}[/]")

    def answer(self, answer: Mapping[str, object], took: timedelta | None = None) -> None:
        """The fields of a tool's answer that tell the story."""
        from rich.markup import escape

        facts = [f"[dim]{name}[/] {escape(_plain(answer[name]))}" for name in _FLAGS if name in answer]
        facts.append(escape(str(answer["workspace_name"])))
        if "agent_status" in answer:
            facts.append(f"[dim]agent[/] {answer['agent_status']}")
        if took is not None:
            facts.append(f"[dim]{took.total_seconds():.2f} s[/]")
        self._write(f"   [green]←[/] {'  '.join(facts)}")

    def command_answer(self, answer: Mapping[str, object]) -> None:
        """What a tool inside the workspace answered, a command's output included."""
        from rich.markup import escape

        facts = {name: answer[name] for name in ("exit_code", "path", "bytes", "created") if name in answer}
        for file in _files(answer):
            facts |= file
        told = [f"[dim]{name}[/] {escape(_plain(value))}" for name, value in facts.items()]
        self._write(f"   [green]←[/] {'  '.join(told)}")
        for line in str(answer.get("output", "")).splitlines():
            self._write(f"     [dim]{escape(line)}[/]")

    def document(self, answer: Mapping[str, object]) -> None:
        """A whole answer, as the agent sees it."""
        from rich.json import JSON
        from rich.padding import Padding

        text = JSON.from_data(answer, ensure_ascii=False).text
        text.no_wrap = False
        if not self._screen.json:
            self._screen.show([], Padding(text, (0, 0, 0, 3)))

    def quota(self, user: str, consumed: int, budget: int) -> None:
        full = min(_GAUGE_WIDTH, round(_GAUGE_WIDTH * consumed / budget)) if budget > 0 else _GAUGE_WIDTH
        colour = "red" if consumed >= budget else "green"
        gauge = f"[{colour}]{'█' * full}[/][dim]{'░' * (_GAUGE_WIDTH - full)}[/]"
        self._write(f"   {gauge} {user} uses {consumed} of {budget} credits")

    @contextmanager
    def waiting(self, text: str) -> Iterator[None]:
        """A spinner on a terminal, while the context lasts."""
        if not self._screen.out.is_terminal or self._screen.json:
            yield
            return
        with self._screen.out.status(f"[dim]{text}[/dim]", spinner="dots"):
            yield

    def finish(self, took: timedelta) -> None:
        self._write("")
        self._write(f"[green]✓[/]  [bold]Done in {took.total_seconds():.1f} s.[/]")

    def commands(self, title: str, commands: Sequence[tuple[str, str]]) -> None:
        self._write("")
        self._write(f"   [bold]{title}[/]")
        width = max(len(command) for command, purpose in commands if purpose)
        for command, purpose in commands:
            self._write(f"   [cyan]{command:<{width}}[/]  [dim]{purpose}[/]".rstrip())

    def _write(self, markup: str) -> None:
        self._screen.out.print(markup, highlight=False, soft_wrap=not self._screen.out.is_terminal)


def _plain(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _files(answer: Mapping[str, object]) -> list[dict[str, object]]:
    files = answer.get("files")
    return files if isinstance(files, list) else []


def _written(value: object) -> str:
    return json.dumps(_shortened(value) if isinstance(value, str) else value, ensure_ascii=False)


def _shortened(text: str) -> str:
    return f"{text[:8]}…" if len(text) == _ID_LENGTH else text
