"""What the rows of evidence are made of.

A test names what it found, or answers ``""``. It also says what triggers it: statuses, codes, stems of
words, or traits of the exceptions. Only rows with a trigger present are tried, so an error costs what it
says, not what could have been said.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from chattool.chaterror import codes, words
from chattool.chaterror.class_facts import trait
from chattool.chaterror.signals import Column, Signals

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.chaterror.codes import CodeList
    from chattool.chaterror.kinds import Kind
    from chattool.chaterror.words import Words

Condition: TypeAlias = Callable[[Signals], bool]
Name: TypeAlias = Callable[[Signals], str]
#: A status, a code in lower case, or a trait.
Trigger: TypeAlias = int | str


@dataclass(frozen=True, slots=True)
class Test:
    """When a row matches."""

    triggers: frozenset[Trigger]
    """Statuses, codes and traits."""
    name: Name
    own_stems: frozenset[str] = frozenset()
    """Stems of words in the own text."""
    answer_stems: frozenset[str] = frozenset()
    """Stems of words in the own text and the body."""


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the order of evidence. What its test names becomes part of ``evidence``."""

    id: str
    kind: Kind
    retryable: bool
    test: Test


class Verdict(NamedTuple):
    """What a row decided."""

    kind: Kind
    retryable: bool
    evidence: str


def final(row: str, kind: Kind, test: Test) -> Row:
    """A row of failures that another try cannot heal."""
    return Row(row, kind, retryable=False, test=test)


def repeatable(row: str, kind: Kind, test: Test) -> Row:
    """A row of failures that may pass by themselves."""
    return Row(row, kind, retryable=True, test=test)


def status(*numbers: int) -> Test:
    """Any of these statuses, structured or read from the text."""
    return Test(frozenset(numbers), lambda s: str(s.status) if s.status in numbers else "")


def code(listed: CodeList, when: Condition | None = None) -> Test:
    """Any code of the list."""

    def name(s: Signals) -> str:
        return codes.found(listed, s.codes) if when is None or when(s) else ""

    return Test(frozenset(f"code {each}" for each in listed), name)


def own_words(listed: Words, columns: Collection[Column], when: Condition | None = None) -> Test:
    """Any of the words in the own text, where one of ``columns`` allows it."""

    def name(s: Signals) -> str:
        if s.column not in columns or not (when is None or when(s)):
            return ""
        return words.found(listed.words, s.own)

    return Test(frozenset(), name, own_stems=frozenset(listed.stems))


def said(
    name: Name,
    *triggers: Trigger,
    own: Collection[str] = (),
    answer: Collection[str] = (),
    listed: Collection[str] = (),
) -> Test:
    """A test of its own, tried where a trigger or code is present, or a stem in the own or answer text."""
    return Test(
        frozenset((*triggers, *(f"code {each}" for each in listed))),
        name,
        own_stems=frozenset(own),
        answer_stems=frozenset(answer),
    )


def named_class(row: str, when: Condition | None = None) -> Test:
    """A class that stands in for the row, where nothing better is known."""

    def name(s: Signals) -> str:
        return s.class_name if s.class_row == row and (when is None or when(s)) else ""

    return Test(frozenset({trait(row)}), name)


#: What each row stands for, in a few words for people.
MEANINGS: Mapping[str, str] = {
    "E1": "a classification was attached",
    "E2": "the call was cancelled",
    "E3": "a continued conversation misses an item",
    "E4": "a stream ended without its last event",
    "E5": "no answer arrived",
    "E6": "marker of a used-up free allowance",
    "E7": "the conversation is too long",
    "E8": "the request is too large",
    "E9": "a code or detail that means spent money",
    "E10": "overloaded",
    "E11": "a code that refuses the request",
    "E12": "a code that blames the server",
    "E13": "words that mean spent money",
    "E14": "a code that means a rate limit",
    "E15": "words about a used-up allowance",
    "E16": "a code of the class of rate limits",
    "E17": "status, code or words about the key",
    "E18": "doubtful words about money on a billing-shaped status, or a 402",
    "E19": "code or words about model and settings",
    "E20": "a bare word about billing",
    "E21": "status, code or words about permission",
    "E22": "status 429 or words about a rate limit",
    "E23": "the provider was disabled",
    "E24": "a deadline, or a status or words of a time-out",
    "E25": "a server error, or an answer that cannot be read",
    "E26": "the status of a client error",
    "E27": "nothing else matched",
}


def meaning(evidence: str) -> str:
    """What the row in ``evidence`` stands for; ``""`` for the row of a host."""
    return MEANINGS.get(evidence.partition(":")[0], "")
