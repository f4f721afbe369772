"""The index must not hide a row, and no pattern may cost more than the length of its text."""

from __future__ import annotations

import importlib
import pkgutil
import re
import re._parser as parser  # type: ignore[import-not-found]  # has no types
from typing import TYPE_CHECKING, Any

import pytest

from chattool import chaterror
from chattool.chaterror import phrases, words
from chattool.chaterror.evidence import ROWS
from chattool.chaterror.phrases import Phrases
from chattool.chaterror.words import Words

if TYPE_CHECKING:
    from collections.abc import Iterator

WORD_LISTS = {name: value for name, value in vars(words).items() if isinstance(value, Words)}
PHRASE_LISTS = {name: value for name, value in vars(phrases).items() if isinstance(value, Phrases)}


def _modules() -> Iterator[Any]:
    for found in pkgutil.iter_modules(chaterror.__path__):
        yield importlib.import_module(f"chattool.chaterror.{found.name}")


def _patterns(value: object) -> Iterator[re.Pattern[str]]:
    if isinstance(value, re.Pattern):
        yield value
    elif isinstance(value, Phrases):
        yield from (phrase.pattern for phrase in value.phrases)
    elif isinstance(value, tuple):
        for one in value:
            yield from _patterns(one)


PATTERNS = {
    pattern.pattern: pattern
    for module in _modules()
    for value in vars(module).values()
    for pattern in _patterns(value)
}


@pytest.mark.parametrize("listed", WORD_LISTS.values(), ids=WORD_LISTS)
def test_each_word_contains_a_stem_of_its_list(listed: Words) -> None:
    assert [word for word in listed.words if not any(stem in word for stem in listed.stems)] == []


def test_each_whole_text_about_the_transport_contains_a_stem() -> None:
    names = [
        "econnreset",
        "econnrefused",
        "econnaborted",
        "etimedout",
        "epipe",
        "ehostunreach",
        "enetunreach",
    ]
    for text in (*words.TRANSPORT, *names, "und_err_socket", "enotfound"):
        assert any(stem in text for stem in words.TRANSPORT_STEMS)


@pytest.mark.parametrize("listed", PHRASE_LISTS.values(), ids=PHRASE_LISTS)
def test_each_phrase_needs_its_stem_and_one_of_its_words(listed: Phrases) -> None:
    for phrase in listed.phrases:
        for literal in (phrase.stem, *phrase.words):
            assert literal == literal.lower()
        assert _mentions(phrase.pattern.pattern, phrase.stem)
        assert all(_mentions(phrase.pattern.pattern, word) for word in phrase.words)


def _mentions(pattern: str, literal: str) -> bool:
    """Whether every piece of the literal stands in the pattern."""
    plain = pattern.replace("\\", "")
    return all(piece in plain for piece in re.split(r"[ ;']", literal) if piece)


def test_the_rows_stand_in_the_order_of_their_numbers() -> None:
    numbers = [int(row.id[1:]) for row in ROWS]
    assert numbers == sorted(numbers)


def test_there_are_patterns_to_look_at() -> None:
    assert len(PATTERNS) > 50


@pytest.mark.parametrize("pattern", PATTERNS.values(), ids=PATTERNS)
def test_no_pattern_repeats_without_bound(pattern: re.Pattern[str]) -> None:
    # With every repeat bounded, a match costs a constant at each position: linear in the text.
    assert _unbounded(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)) == []


TABLED = {pattern.pattern: pattern for value in vars(phrases).values() for pattern in _patterns(value)}


@pytest.mark.parametrize("pattern", TABLED.values(), ids=TABLED)
def test_no_pattern_of_the_tables_tries_too_much_at_one_position(pattern: re.Pattern[str]) -> None:
    assert _steps(parser.parse(pattern.pattern, pattern.flags & ~re.UNICODE)) <= 200_000


def _children(argument: object) -> Iterator[object]:
    if isinstance(argument, parser.SubPattern):
        yield argument
    elif isinstance(argument, tuple | list):
        for one in argument:
            yield from _children(one)


def _unbounded(tree: Any) -> list[str]:  # noqa: ANN401 - the parser of re has no types
    found = []
    for operation, argument in tree:
        if "REPEAT" in str(operation) and argument[1] == parser.MAXREPEAT:
            found.append(str(operation))
        for child in _children(argument):
            found += _unbounded(child)
    return found


def _steps(tree: Any) -> int:  # noqa: ANN401
    """How many ways of matching there are at one position, at most: the product of the choices."""
    ways = 1
    for operation, argument in tree:
        inner = 1
        children = list(_children(argument))
        if "BRANCH" in str(operation):
            inner = sum(_steps(child) for child in children)
        else:
            for child in children:
                inner *= _steps(child)
        if "REPEAT" in str(operation):
            low, high, _ = argument
            inner = (high - low + 1) * inner
        ways *= inner
    return ways
