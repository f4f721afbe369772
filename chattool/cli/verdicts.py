"""What a check of ``chattool doctor`` answers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """How a check came out."""

    OK = "ok"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    detail: str
    advice: str = ""
    """What to do about it; empty when all is well."""


def ok(name: str, detail: str) -> Check:
    """All is well."""
    return Check(name=name, verdict=Verdict.OK, detail=detail)


def warning(name: str, detail: str, advice: str = "") -> Check:
    """It works, and somebody should look at it."""
    return Check(name=name, verdict=Verdict.WARNING, detail=detail, advice=advice)


def failed(name: str, detail: str, advice: str = "") -> Check:
    """It is broken."""
    return Check(name=name, verdict=Verdict.FAILED, detail=detail, advice=advice)
