"""What Terraform writes, as lines of a build's log, whatever it writes."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from db.states import LogLevel
from provisioner.provisioners.terraform.diagnostics import (
    KEPT_ERRORS,
    Diagnostic,
    diagnostic_in,
    plain_diagnostics,
)
from provisioner.provisioners.terraform.untrusted_json import mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from provisioner.protocol import LogSink

LINE_LIMIT_BYTES = 2 << 20
"""Longer lines are cut. The log keeps less; this much may be needed to read a line as JSON."""
_LEVELS = {
    "trace": LogLevel.TRACE,
    "debug": LogLevel.DEBUG,
    "info": LogLevel.INFO,
    "warn": LogLevel.WARN,
    "warning": LogLevel.WARN,
    "error": LogLevel.ERROR,
}


class TextLog:
    """Reads plain text: ``feed`` takes it as it comes, ``close`` takes the end.

    A line that happens to be a JSON message of Terraform's gets that message's level, lowered: here it
    is chatter of the program, not news of the build.
    """

    def __init__(self, log: LogSink, level: LogLevel) -> None:
        self._log = log
        self._level = level
        self._lines = _Lines()
        self._tail: list[str] = []
        self._tail_size = 0

    def feed(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._take(line)

    def close(self) -> None:
        for line in self._lines.rest():
            self._take(line)

    @property
    def errors(self) -> list[Diagnostic]:
        """The errors that the text describes."""
        return list(plain_diagnostics("\n".join(self._tail)))

    def _take(self, line: str) -> None:
        line = line.lstrip("╷│╵ \t") if line[:1] in "╷│╵" else line
        if (message := _message(line)) is not None:
            level = _LEVELS.get(text(message.get("@level")), LogLevel.DEBUG)
            if level is not LogLevel.TRACE:
                for part in _parts(message):
                    self._log(LogLevel.DEBUG if level is LogLevel.INFO else level, part)
            return
        if self._tail_size < LINE_LIMIT_BYTES:
            self._tail.append(line)
            self._tail_size += len(line) + 1
        if line.strip():
            self._log(self._level, line)


class JsonLog:
    """Reads the JSON lines of a plan or an apply; also lines among them that are no JSON.

    Messages of the types ``chatter`` are logged for debugging only.
    """

    def __init__(self, log: LogSink, chatter: frozenset[str] = frozenset()) -> None:
        self._log = log
        self._chatter = chatter
        self._lines = _Lines()
        self._warned = False
        self.errors: list[Diagnostic] = []

    def feed(self, data: bytes) -> None:
        for line in self._lines.feed(data):
            self._take(line)

    def close(self) -> None:
        for line in self._lines.rest():
            self._take(line)

    def _take(self, line: str) -> None:
        message = _message(line)
        if message is None:
            if line.strip():
                self._log(LogLevel.INFO, line)
        elif "diagnostic" in message:
            self._diagnostic(diagnostic_in(mapping(message["diagnostic"])))
        else:
            level = self._level(text(message.get("@level")))
            chatter = level is LogLevel.INFO and message.get("type") in self._chatter
            for part in _parts(message):
                self._log(LogLevel.DEBUG if chatter else level, part)

    def _diagnostic(self, diagnostic: Diagnostic) -> None:
        if diagnostic.severity is LogLevel.ERROR and len(self.errors) < KEPT_ERRORS:
            self.errors.append(diagnostic)
        for line in diagnostic.lines():
            self._log(diagnostic.severity, line)

    def _level(self, name: str) -> LogLevel:
        level = _LEVELS.get(name)
        if level is None:
            if not self._warned:
                self._warned = True
                self._log(LogLevel.WARN, f'Terraform wrote at a level that is not known: "{name[:20]}"')
            return LogLevel.INFO
        return level


def _message(line: str) -> Mapping[str, object] | None:
    """The message that the line is; ``None`` when it is other text."""
    if not line.startswith("{"):
        return None
    try:
        message = json.loads(line)
    except (ValueError, RecursionError):
        return None
    return message if isinstance(message, dict) and isinstance(message.get("@message"), str) else None


def _parts(message: Mapping[str, object]) -> list[str]:
    """The lines of a message that say something."""
    return [part for part in text(message["@message"]).splitlines() if part.strip()]


class _Lines:
    """Cuts bytes into lines of bounded length."""

    def __init__(self) -> None:
        self._rest = bytearray()
        self._dropped = 0

    def feed(self, data: bytes) -> Iterator[str]:
        *ends, rest = data.split(b"\n")
        for end in ends:
            self._add(end)
            yield self._taken()
        self._add(rest)

    def rest(self) -> Iterator[str]:
        if self._rest:
            yield self._taken()

    def _taken(self) -> str:
        line = self._rest.decode(errors="replace").removesuffix("\r")
        mark = f"… [{self._dropped} bytes dropped]" if self._dropped else ""
        self._rest.clear()
        self._dropped = 0
        return line + mark

    def _add(self, data: bytes) -> None:
        kept = data[: max(0, LINE_LIMIT_BYTES - len(self._rest))]
        self._rest += kept
        self._dropped += len(data) - len(kept)
