"""What the agent's calls have in common: how they fail, and how much of a text an answer can hold."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, TypeVar

from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

T = TypeVar("T")

#: Characters of JSON that the texts of one answer may take, so that a model's answer stays below 24,000.
TEXT_BUDGET = 18_000

_ESCAPES = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[PX^_][^\x1b]*(?:\x1b\\)?|[ -/]*[0-~])"
)
_CONTROLS = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_SURROGATES = re.compile("[\ud800-\udfff]")


class CallProblem(ChattoolError):
    """The agent cannot do what a call asks for; ``reason`` is a code, the text is for the model."""

    code = "CALL_PROBLEM"

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


def cost(text: str) -> int:
    """How long the text is as a part of a JSON document."""
    return len(json.dumps(text, ensure_ascii=False))


def plain(output: bytes) -> str:
    """What a command wrote, as a reader sees it: without colours, and with a mark for what is no text."""
    text = output.decode(errors="replace").replace("\r\n", "\n")
    return _CONTROLS.sub("\ufffd", _ESCAPES.sub("", text))


def longest(size: int, fits: Callable[[int], bool]) -> int:
    """The largest number up to ``size`` that still fits, where all smaller ones fit too."""
    low, high = 0, size
    while low < high:
        middle = (low + high + 1) // 2
        if fits(middle):
            low = middle
        else:
            high = middle - 1
    return low


def shown(name: str) -> str:
    """The name of a file as text; bytes that are none are replaced."""
    return _SURROGATES.sub("\ufffd", name)


def given(request: Mapping[str, object], name: str, kind: type[T], default: T | None = None) -> T:
    """A value of the request.

    Raises:
        CallProblem: it is missing, or of another kind.
    """
    value = request.get(name, default)
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise CallProblem("INVALID_REQUEST", f"{name} is missing or of the wrong kind")
    return value
