"""Everything known about an error, gathered once; the rows of ``evidence`` read nothing else."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING

from chattool.chaterror import body as bodies
from chattool.chaterror import codes as code_lists
from chattool.chaterror import phrases, providers, status, transport, words
from chattool.chaterror.answer import Answer, has_answer, stated_code
from chattool.chaterror.provider_error import ProviderError
from chattool.chaterror.tree import joined_text

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping

    from chattool.chaterror.body import Document
    from chattool.chaterror.transport import Finding
    from chattool.chaterror.tree import Node

_SERVER_ERROR = 500
_WORTH_COMPARING = 100
_NO_CODES: Mapping[str, str] = {}


class Column(Enum):
    """What is known beside the words, which decides where they may be heard."""

    PLAIN = "plain"
    """Neither a structured status nor a code."""
    CLIENT = "4xx"
    SERVER = "5xx"
    CODED = "coded"
    """A code, but no structured status."""


class Signals:
    """The evidence in the tree below ``root``; ``hint`` is the provider that the caller named."""

    status: int
    """400 to 599, structured or read from the text; or 0."""
    provider: str

    # What holds where nothing is known but a text.
    answer: Answer | None = None
    """What is known of the provider's answer."""
    codes: Mapping[str, str] = _NO_CODES
    """By their form in lower case, spelled as sent."""
    structured_status = 0
    column = Column.PLAIN
    body_text = ""
    """The strings of the body: lower case, single spaces."""
    class_name, class_row = "", ""
    """The class that stands in for a row of evidence, and that row."""
    stems: Collection[str] = ()
    """Stems of words that occur in the texts; set by ``evidence``."""

    def __init__(self, root: Node, hint: str) -> None:
        self.root = root
        self.chain = [root] if root.is_single else root.chain()
        self.text = text = joined_text(root)
        """The joined texts as they came."""
        self.lowered = lowered = text.lower()
        if has_answer(self.chain):
            self.answer = Answer(self.chain)
            self.codes = self.answer.codes
            self.structured_status = self.answer.status
            lowered = self._before_body(self.answer)
        if not self.codes:
            if "code=" in text:
                self.codes = stated_code(text)
            self._hear_classes()
        self.status = self.structured_status or status.from_text(lowered)
        self.provider = (
            providers.normalized(hint) if hint else providers.attributed(self.answer, self.chain, lowered)
        )
        if self.answer is None and not self.structured_status:
            if self.codes:
                self.column = Column.CODED
            self.own = self.answer_text = one_line(bodies.without_page(lowered))
            """The texts in which words are looked for: lower case, single spaces."""
        else:
            self._read_texts()

    def _read_texts(self) -> None:
        if self.structured_status:
            self.column = Column.CLIENT if self.structured_status < _SERVER_ERROR else Column.SERVER
        elif self.codes:
            self.column = Column.CODED
        self.own = self._own_text()
        if self.answer is not None and self.answer.body is not None:
            strings = self.answer.body.strings
            self.body_text = one_line(" ".join(strings)[: bodies.LIMIT].lower())
            # SDKs repeat the body in the text; nothing needs to be looked for twice.
            self.answer_text = f"{self.own} {self._unsaid(strings)}" if self.own else self.body_text
        else:
            self.answer_text = self.own

    def _unsaid(self, strings: tuple[str, ...]) -> str:
        own = self.own
        if len(own) < _WORTH_COMPARING:
            return self.body_text
        unsaid = [text for text in strings if text.lower() not in own]
        return self.body_text if len(unsaid) == len(strings) else one_line(" ".join(unsaid).lower())

    def _hear_classes(self) -> None:
        """Let names of classes stand in for what is missing, never against what is there."""
        for node in self.chain:
            classes = node.classes
            if not classes.stands_in:
                continue
            unknown = not self.structured_status and (self.answer is None or self.answer.body is None)
            row = classes.row or (classes.category if unknown else "")
            if row and not self.class_row:
                self.class_name, self.class_row = classes.row_name, row
            self.structured_status = self.structured_status or classes.status

    def _before_body(self, answer: Answer) -> str:
        """The text in lower case, up to the JSON object in it that is the body."""
        start = self.text.find(answer.lead.text) if answer.body_start is not None else -1
        return self.lowered if start < 0 else self.lowered[: start + (answer.body_start or 0)]

    def _own_text(self) -> str:
        if self.message and not self.status and not self.codes:
            return one_line(self.message.lower())
        text = one_line(bodies.without_page(self.lowered))
        return "" if self.structured_status and status.is_status_line(text) else text

    @property
    def headers(self) -> Mapping[str, str]:
        """All headers of the chain, names in lower case."""
        return self.answer.headers if self.answer is not None else {}

    @property
    def message(self) -> str:
        """The provider's message, as sent."""
        return self.answer.message if self.answer is not None else ""

    @property
    def document(self) -> Document | None:
        """The parsed body."""
        return self.answer.body.document if self.answer is not None and self.answer.body is not None else None

    @property
    def transport(self) -> Finding | None:
        """What broke on the way, when no answer arrived."""
        return transport.finding(self)

    @property
    def canceled(self) -> str:
        """The class of a typed cancellation."""
        return self._explicit(lambda node: node.classes.canceled)

    @property
    def deadline(self) -> str:
        """The class, or the words, of the caller's own limit."""
        return self._explicit(_is_deadline) or words.found(words.DEADLINE.words, self.lowered)

    @property
    def unreadable(self) -> str:
        """The class that says that an answer came and could not be read."""
        return next((type(node.error).__name__ for node in self.chain if node.classes.unreadable), "")

    @property
    def has_free_usage_marker(self) -> bool:
        """Whether the body speaks of a used-up free allowance."""
        body = self.answer.body if self.answer is not None else None
        return body is not None and any(code_lists.FREE_USAGE_MARKER in text for text in body.strings)

    @property
    def has_retry_after(self) -> bool:
        """Whether a header asks for a wait."""
        return bool(self.headers.get("retry-after") or self.headers.get("retry-after-ms"))

    @property
    def has_rate_limit_signal(self) -> bool:
        """Whether the answer also speaks of a rate limit, which makes words about money doubtful."""
        return self.has_retry_after or phrases.RATE_LIMIT_SIGNAL.search(self.answer_text) is not None

    @property
    def is_plain_text(self) -> bool:
        """Whether nothing but a text is known."""
        return self.column is Column.PLAIN and (self.answer is None or self.answer.body is None)

    @property
    def reported_status(self) -> int:
        """The status that is shown: also one that is no evidence, if a host said it."""
        if self.status or self.answer is None:
            return self.status
        for node in self.chain:
            if isinstance(node.error, ProviderError):
                stated = node.error.status_code
                return stated if type(stated) is int and stated > 0 else 0
        return 0

    @property
    def reported_code(self) -> str:
        """The provider's code as sent."""
        if self.answer is not None and self.answer.codes:
            return self.answer.reported_code
        return next(iter(self.codes.values()), "")

    def _explicit(self, test: Callable[[Node], bool]) -> str:
        """The class of the first exception that says so for itself, over explicit links."""
        for node in self.root:
            if node.explicit and not node.shadowed and test(node):
                return type(node.error).__name__
        return ""


def one_line(text: str) -> str:
    """``text`` with single spaces."""
    if text.isascii() and not ("  " in text or "\n" in text or "\t" in text or "\r" in text):
        return text.strip()
    return " ".join(text.split())


def _is_deadline(node: Node) -> bool:
    error = node.error
    bare = type(error) is TimeoutError and not error.args and error.errno is None
    return bare or node.classes.deadline
