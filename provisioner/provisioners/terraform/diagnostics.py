"""Errors and warnings of Terraform's, read from its JSON and from its plain text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from db.states import LogLevel
from provisioner.provisioners.terraform.untrusted_json import integer, mapping, text

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

KEPT_ERRORS = 20
"""Of one command; what follows is in the log only."""
_TEXT_LIMIT = 2000
_HEAD = re.compile(r"(?:^|\n)Error: ")
_PLACE = re.compile(r"^ +on (?P<file>\S+) line (?P<line>\d+)(?:, in (?P<context>.+))?:$", re.MULTILINE)
_CODE = re.compile(r"^ +\d+: .*(?:\n|$)", re.MULTILINE)


@dataclass(frozen=True, kw_only=True)
class Diagnostic:
    """An error or a warning of Terraform's."""

    severity: LogLevel
    summary: str
    detail: str = ""
    file: str = ""
    line: int = 0
    address: str = ""
    """The resource it is about."""
    context: str = ""
    """The block it is about: ``provider "aws"``."""

    @property
    def place(self) -> str:
        """File and line, as compilers write them; empty when it is about no line."""
        return f"{self.file}:{self.line}" if self.file and self.line else self.file

    def lines(self) -> Iterator[str]:
        """What a reader of the log is told."""
        kind = "Error" if self.severity is LogLevel.ERROR else "Warning"
        yield f"{kind}: {self.summary}"
        where = ", ".join(
            part for part in (self.place, f"in {self.context}" if self.context else "", self.address) if part
        )
        if where:
            yield f"  {where}"
        for line in self.detail.splitlines():
            if line.strip():
                yield f"  {line}"

    def sentence(self) -> str:
        """The same in one line, for a build's error."""
        place = f"{self.place}: " if self.place else ""
        detail = " ".join(self.detail.split())
        whole = f"{place}{self.summary}: {detail}" if detail else f"{place}{self.summary}"
        return whole if len(whole) <= _TEXT_LIMIT else f"{whole[:_TEXT_LIMIT]}…"


def error_text(errors: Iterable[Diagnostic], otherwise: str) -> str:
    """Why a command failed, in one line."""
    # One without a place may be no more than the heading of those that follow.
    found = sorted(errors, key=lambda error: not error.place)
    if not found:
        return otherwise
    more = len(found) - 1
    return found[0].sentence() + (f" (and {more} more error{'s' * (more > 1)})" if more else "")


def plain_diagnostics(output: str) -> Iterator[Diagnostic]:
    """The errors in output that was not asked for as JSON."""
    for part in _HEAD.split(output)[1 : KEPT_ERRORS + 1]:
        summary, _, rest = part.partition("\n\n")
        place = _PLACE.search(rest)
        yield Diagnostic(
            severity=LogLevel.ERROR,
            summary=" ".join(summary.split()),
            detail=_CODE.sub("", rest[place.end() :] if place else rest).strip(),
            file=place["file"] if place else "",
            line=int(place["line"]) if place else 0,
            context=(place["context"] or "") if place else "",
        )


def diagnostic_in(found: Mapping[str, object]) -> Diagnostic:
    """The diagnostic of a JSON message."""
    place = mapping(found.get("range"))
    file = text(place.get("filename"))
    return Diagnostic(
        severity=LogLevel.WARN if found.get("severity") == "warning" else LogLevel.ERROR,
        summary=text(found.get("summary")),
        detail=text(found.get("detail")),
        # One with a whole path is ours, the file of values: it means nothing to whoever reads this.
        file="" if file.startswith("/") else file,
        line=integer(mapping(place.get("start")).get("line")),
        address=text(found.get("address")),
        context=text(mapping(found.get("snippet")).get("context")),
    )
