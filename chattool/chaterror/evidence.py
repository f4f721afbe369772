"""The order of evidence: rows E2 to E27, tried from the top; the first that matches decides.

Attached classifications (E1) are looked for before anything is gathered. Tests of more than a line stand
in ``money`` and ``cases``.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from chattool.chaterror import cases, codes, money, phrases, words
from chattool.chaterror.class_facts import trait
from chattool.chaterror.kinds import Kind
from chattool.chaterror.rows import (
    Row,
    Trigger,
    Verdict,
    code,
    final,
    named_class,
    own_words,
    repeatable,
    said,
    status,
)
from chattool.chaterror.signals import Column, Signals

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from chattool.chaterror.answer import Answer

_ANY = frozenset(Column)
_PLAIN = frozenset({Column.PLAIN})
_PLAIN_OR_SERVER = frozenset({Column.PLAIN, Column.SERVER})
_NOT_CODED = frozenset({Column.PLAIN, Column.CLIENT, Column.SERVER})
_NOT_SERVER = frozenset({Column.PLAIN, Column.CLIENT, Column.CODED})

#: Where no row matched.
UNDECIDED = "E27"
_UNDECIDED = Verdict(kind=Kind.GENERIC, retryable=False, evidence=UNDECIDED)

#: What is longer is none of the whole texts that are looked for.
_SHORT = 64

ROWS: tuple[Row, ...] = (
    final("E2", Kind.CANCELED, said(lambda s: s.canceled, trait("canceled"))),
    final("E2", Kind.CANCELED, own_words(words.INTERRUPTED, _ANY)),
    final("E3", Kind.GENERIC, said(cases.continuity, answer=words.CONTINUITY.stems)),
    repeatable(
        "E4",
        Kind.TIMEOUT,
        said(cases.stream_incomplete, trait("stream_incomplete"), own=words.STREAM_INCOMPLETE.stems),
    ),
    final("E5", Kind.CONFIG, cases.transport(Kind.CONFIG)),
    repeatable("E5", Kind.TIMEOUT, cases.transport(Kind.TIMEOUT)),
    final(
        "E6",
        Kind.FREE_QUOTA_EXHAUSTED,
        said(cases.free_usage, trait("opencode")),
    ),
    final("E7", Kind.CONTEXT_OVERFLOW, code(codes.CONTEXT_OVERFLOW, cases.may_overflow)),
    final(
        "E7",
        Kind.CONTEXT_OVERFLOW,
        said(cases.context_overflow, own=["(no body)"], answer=phrases.CONTEXT_OVERFLOW.stems),
    ),
    final("E7", Kind.CONTEXT_OVERFLOW, named_class("E7", cases.may_overflow)),
    final("E8", Kind.INVALID_REQUEST, status(413)),
    final("E8", Kind.INVALID_REQUEST, code(codes.TOO_LARGE)),
    final(
        "E8",
        Kind.INVALID_REQUEST,
        said(cases.too_large, trait("short message"), own=["(no body)", "too large"]),
    ),
    final("E9", Kind.QUOTA_EXHAUSTED, said(money.listed_code, listed=codes.MONEY)),
    final("E9", Kind.QUOTA_EXHAUSTED, said(money.insufficient_quota, answer=["quota"])),
    final("E9", Kind.QUOTA_EXHAUSTED, said(money.quota_exceeded, listed=["quota_exceeded"])),
    final("E9", Kind.QUOTA_EXHAUSTED, code(codes.ZHIPU_MONEY, money.is_zhipu)),
    final("E9", Kind.QUOTA_EXHAUSTED, said(money.minimax_quota, trait("base_resp"))),
    final("E9", Kind.QUOTA_EXHAUSTED, said(money.google_quota, 429)),
    final("E9", Kind.QUOTA_EXHAUSTED, named_class("E9")),
    repeatable("E10", Kind.OVERLOADED, status(529)),
    repeatable("E10", Kind.OVERLOADED, code(codes.OVERLOADED)),
    repeatable("E10", Kind.OVERLOADED, said(cases.overloaded, *range(500, 600), own=words.OVERLOADED.stems)),
    repeatable("E10", Kind.OVERLOADED, said(cases.no_provider_at_opencode, listed=["modelerror"])),
    repeatable("E10", Kind.OVERLOADED, named_class("E10")),
    final("E11", Kind.INVALID_REQUEST, code(codes.REQUEST)),
    final("E11", Kind.INVALID_REQUEST, named_class("E11")),
    repeatable("E12", Kind.GENERIC, code(codes.SERVER_BELOW_500, lambda s: s.status < 500)),
    repeatable("E12", Kind.GENERIC, code(codes.SERVER_WITHOUT_STATUS, lambda s: not s.status)),
    repeatable("E12", Kind.OVERLOADED, code(codes.UNAVAILABLE, cases.unavailable_and_overloaded)),
    repeatable("E12", Kind.TIMEOUT, code(codes.UNAVAILABLE, cases.may_be_unavailable)),
    final("E13", Kind.QUOTA_EXHAUSTED, said(money.strong, answer=phrases.STRONG_MONEY.stems)),
    repeatable("E14", Kind.RATE_LIMIT, code(codes.RATE_LIMIT, lambda s: s.status != 402)),
    repeatable("E14", Kind.RATE_LIMIT, said(money.minimax_rate_limit, trait("base_resp"))),
    final("E15", Kind.QUOTA_EXHAUSTED, said(money.allowance, answer=phrases.ALLOWANCE.stems)),
    repeatable("E16", Kind.RATE_LIMIT, code(codes.RATE_LIMIT_CLASS, lambda s: s.status != 402)),
    final("E17", Kind.AUTH, status(401)),
    final("E17", Kind.AUTH, code(codes.KEY)),
    final(
        "E17",
        Kind.AUTH,
        own_words(words.STRONG_AUTH, _NOT_SERVER, lambda s: s.structured_status != 429),
    ),
    final("E17", Kind.AUTH, named_class("E17")),
    final("E18", Kind.QUOTA_EXHAUSTED, said(money.weak, answer=phrases.WEAK_MONEY.stems)),
    repeatable("E18", Kind.RATE_LIMIT, said(money.weak_beside_rate_limit, answer=phrases.WEAK_MONEY.stems)),
    repeatable("E18", Kind.RATE_LIMIT, said(money.budget_that_frees_itself, 402)),
    final("E18", Kind.QUOTA_EXHAUSTED, status(402)),
    final("E19", Kind.CONFIG, said(cases.disabled_config, own=words.PROVIDER_DISABLED.stems)),
    final("E19", Kind.CONFIG, code(codes.CONFIG)),
    final("E19", Kind.CONFIG, own_words(words.CONFIG, _ANY)),
    final("E19", Kind.CONFIG, said(cases.model_not_found, listed=["not_found_error"])),
    final("E19", Kind.CONFIG, named_class("E19")),
    final("E20", Kind.QUOTA_EXHAUSTED, said(money.bare_billing, own=words.BARE_BILLING.stems)),
    final("E21", Kind.AUTH, status(403)),
    final("E21", Kind.AUTH, code(codes.PERMISSION)),
    final("E21", Kind.AUTH, own_words(words.WEAK_AUTH, _PLAIN)),
    repeatable("E22", Kind.RATE_LIMIT, status(429)),
    repeatable("E22", Kind.RATE_LIMIT, own_words(words.RATE_LIMIT, _NOT_CODED, lambda s: not s.codes)),
    repeatable("E22", Kind.RATE_LIMIT, named_class("E22")),
    final("E23", Kind.CONFIG, own_words(words.PROVIDER_DISABLED, _ANY)),
    final(
        "E24",
        Kind.TIMEOUT,
        said(lambda s: s.deadline and "deadline", trait("deadline"), own=words.DEADLINE.stems),
    ),
    repeatable("E24", Kind.TIMEOUT, status(408, 502, 503, 504, 522, 524)),
    repeatable("E24", Kind.TIMEOUT, own_words(words.TIMEOUT, _PLAIN_OR_SERVER)),
    repeatable("E24", Kind.TIMEOUT, named_class("E24")),
    repeatable("E25", Kind.GENERIC, status(*range(500, 600))),
    repeatable("E25", Kind.GENERIC, own_words(words.GENERIC_RETRYABLE, _PLAIN_OR_SERVER)),
    repeatable("E25", Kind.GENERIC, said(cases.unreadable, trait("unreadable"))),
    repeatable("E25", Kind.GENERIC, named_class("E25")),
    final("E26", Kind.INVALID_REQUEST, status(400, 422)),
    final("E26", Kind.GENERIC, said(cases.conflict_not_to_be_repeated, 409)),
    repeatable("E26", Kind.GENERIC, status(409)),
    repeatable("E26", Kind.GENERIC, said(cases.unnamed_404, 404)),
    final("E26", Kind.INVALID_REQUEST, named_class("E26")),
)


def _index() -> Mapping[Trigger, tuple[int, ...]]:
    index: defaultdict[Trigger, list[int]] = defaultdict(list)
    for number, row in enumerate(ROWS):
        for trigger in row.test.triggers | row.test.own_stems | row.test.answer_stems:
            index[trigger].append(number)
    return {trigger: tuple(numbers) for trigger, numbers in index.items()}


_INDEX = _index()
_STEMS = frozenset().union(*(row.test.answer_stems for row in ROWS))
_ANSWER_STEMS = tuple(sorted(stem for stem in _STEMS if stem.isascii()))
_WIDE_STEMS = tuple(sorted(stem for stem in _STEMS if not stem.isascii()))
_OWN_STEMS = tuple(sorted(frozenset().union(*(row.test.own_stems for row in ROWS)) - _STEMS))


def decide(signals: Signals) -> Verdict:
    """Kind, retry and the name of the evidence; nothing later combines them again."""
    numbers: set[int] = set()
    signals.stems = _stems(signals)
    for trigger in (*signals.stems, *_triggers(signals)):
        numbers.update(_INDEX.get(trigger, ()))
    for number in sorted(numbers):
        row = ROWS[number]
        if name := row.test.name(signals):
            return Verdict(row.kind, row.retryable, f"{row.id}:{name}")
    return _UNDECIDED


def _stems(signals: Signals) -> list[str]:
    text, own = signals.answer_text, signals.own
    stems = [stem for stem in _ANSWER_STEMS if stem in text]
    stems += [stem for stem in _OWN_STEMS if stem in own]
    if not text.isascii():
        stems += [stem for stem in _WIDE_STEMS if stem in text]
    return stems


def _answer_traits(answer: Answer) -> Iterator[str]:
    if answer.error is not None and "base_resp" in answer.error.document:
        yield trait("base_resp")
    if 0 < len(answer.message) <= _SHORT:
        yield trait("short message")


def _triggers(signals: Signals) -> list[Trigger]:
    present: list[Trigger] = [f"code {each}" for each in signals.codes]
    if signals.status:
        present.append(signals.status)
    for node in signals.chain:
        present += node.classes.traits
    if signals.answer is not None:
        present += _answer_traits(signals.answer)
    if signals.provider == "opencode":
        present.append(trait("opencode"))
    return present
