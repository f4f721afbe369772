"""The provider's answer as a chain of exceptions tells it: the richest one leads, the others fill gaps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.chaterror import body as bodies
from chattool.chaterror import error_object, phrases, shapes

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import timedelta

    from chattool.chaterror.body import Body
    from chattool.chaterror.error_object import ErrorObject
    from chattool.chaterror.shapes import Facts
    from chattool.chaterror.tree import Node

_NO_HEADERS: Mapping[str, str] = {}


class Answer:
    """Status, headers, body and codes of one answer."""

    def __init__(self, chain: list[Node]) -> None:
        self.lead, self.body, self.body_start = _leading(chain)
        """``body_start`` is where the body begins in the text of ``lead``, if it stands there."""
        self._facts = [self.lead.facts]
        if len(chain) > 1:
            self._facts += [node.facts for node in chain if node is not self.lead]
        document = self.body.document if self.body is not None else None
        self.error: ErrorObject | None = None if document is None else error_object.read(document)
        self.headers = self._headers()
        """Names in lower case."""
        self.codes = self._codes()
        """By their form in lower case, spelled as sent, in the order found."""
        self.status = self._status()
        """400 to 599, or 0."""

    @property
    def message(self) -> str:
        """The provider's message, as sent."""
        return self.error.message if self.error is not None else ""

    @property
    def reported_code(self) -> str:
        """The code that is shown."""
        if self.error is not None:
            code = self.error.reported_code if self.status else self.error.stream_code
            if code:
                return code
        return self.first(lambda facts: facts.reported_code) or self.headers.get("x-amzn-errortype", "")

    @property
    def retry_after(self) -> timedelta | None:
        """The wait that an exception holds as an attribute."""
        return next((facts.retry_after for facts in self._facts if facts.retry_after), None)

    @property
    def own_flag(self) -> bool | None:
        """The library's own opinion about a retry."""
        for facts in self._facts:
            if facts.retryable is not None:
                return facts.retryable
        return {"true": True, "false": False}.get(self.headers.get("x-should-retry", "").lower())

    def first(self, fact: Callable[[Facts], str]) -> str:
        """The fact as the leading exception knows it, else the first other one that does."""
        for facts in self._facts:
            if found := fact(facts):
                return found
        return ""

    def _headers(self) -> Mapping[str, str]:
        maps = [one for facts in self._facts for one in facts.headers]
        if self.body is not None and self.body.headers:
            maps.append(dict[str, object](self.body.headers))
        return shapes.merged_headers(maps) if maps else _NO_HEADERS

    def _codes(self) -> dict[str, str]:
        found: dict[str, str] = {}
        if self.error is not None:
            for code in self.error.codes:
                found.setdefault(code.strip().lower(), code)
            for code in self.error.aws_codes:
                found.setdefault(_aws_name(code), code)
        for facts in self._facts:
            for code in facts.codes:
                found.setdefault(code.strip().lower(), code)
            if found:
                break
        if errortype := self.headers.get("x-amzn-errortype"):
            found.setdefault(_aws_name(errortype), errortype)
        return found

    def _status(self) -> int:
        number = self.lead.facts.status
        if not number and self.body is not None:
            number = self.error.status_code if self.error is not None else 0
            number = number or self.body.status_code
        for facts in self._facts:
            number = number or facts.status
        return number


def has_answer(chain: list[Node]) -> bool:
    """Whether any exception of the chain says more than its text."""
    for node in chain:  # noqa: SIM110 - any() costs more than the loop, and most chains are one error
        if node.facts is not shapes.NO_FACTS or "{" in node.text:
            return True
    return False


def stated_code(text: str) -> dict[str, str]:
    """The code in ``code=NAME``, for texts that nothing else is known about."""
    stated = phrases.STATED_CODE.search(text) if "code=" in text else None
    return {stated[1].lower(): stated[1]} if stated is not None else {}


def _leading(chain: list[Node]) -> tuple[Node, Body | None, int | None]:
    for node in chain:
        if node.facts.body is not None:
            return node, node.facts.body, None
        inner = bodies.embedded(node.text) if "{" in node.text else None
        if inner is not None:
            return node, bodies.read(inner[0]), inner[1]
    return next((node for node in chain if node.facts.status), chain[0]), None, None


def _aws_name(code: str) -> str:
    return code.rpartition("#")[2].partition(":")[0].strip().lower()
