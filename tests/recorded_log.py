"""Keeps what a provisioner logs."""

import asyncio

from db.states import LogLevel


class RecordedLog:
    """A log sink that remembers its lines."""

    def __init__(self) -> None:
        self.lines: list[tuple[LogLevel, str]] = []
        self._news = asyncio.Event()

    def __call__(self, level: LogLevel, output: str, *, stage: str | None = None) -> None:
        self.lines.append((level, output))
        self._news.set()

    @property
    def text(self) -> str:
        return "\n".join(output for _, output in self.lines)

    def at(self, level: LogLevel) -> list[str]:
        """The lines of one level."""
        return [output for each, output in self.lines if each is level]

    async def until_ends(self, ending: str) -> str:
        """The first line with that ending, as soon as it has come."""
        async with asyncio.timeout(50):
            while not (found := [output for _, output in self.lines if output.endswith(ending)]):
                self._news.clear()
                await self._news.wait()
        return found[0]
