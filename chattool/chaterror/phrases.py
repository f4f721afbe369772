"""Phrases with gaps: money, and conversations that became too long.

Each phrase stands behind a word that it cannot do without, so that most texts cost one substring search.
No repetition is unbounded, so a hostile text costs time in proportion to its length.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection


@dataclass(frozen=True, slots=True)
class Phrase:
    """A pattern for texts in lower case with single spaces, searched around ``words``, behind a stem."""

    stem: str
    words: tuple[str, ...]
    pattern: re.Pattern[str]

    def occurs(self, text: str) -> bool:
        """Whether the phrase stands in ``text``."""
        for word in self.words:
            at = text.find(word)
            while at >= 0:
                if self.pattern.search(text, max(0, at - _REACH), at + 2 * _REACH):
                    return True
                at = text.find(word, at + _REACH)
        return False


@dataclass(frozen=True, slots=True)
class Phrases:
    """Phrases of one meaning."""

    phrases: tuple[Phrase, ...]

    @property
    def stems(self) -> frozenset[str]:
        """Pieces of which each phrase contains one."""
        return frozenset(phrase.stem for phrase in self.phrases)

    def found(self, text: str, stems: Collection[str]) -> str:
        """A word of the first phrase that stands in ``text``, in which these ``stems`` occur; or ``""``."""
        for phrase in self.phrases:
            if phrase.stem in stems and phrase.occurs(text):
                return phrase.words[0]
        return ""


def _phrase(stem: str, words: str | tuple[str, ...] = "", pattern: str = "") -> Phrase:
    listed = (words,) if isinstance(words, str) else words
    if listed == ("",):
        listed = (stem,)
    return Phrase(stem, listed, re.compile(pattern or re.escape(listed[0])))


# How far a phrase can reach from its word, in either direction.
_REACH = 300
_NUMBER = "[0-9][0-9,._]{0,15}"
_IN_SENTENCE = "[^.!?。]{0,120}?"
_NEAR = "[^.!?。]{0,40}?"
_WORD = "[^ ]{1,40}"

CONTEXT_OVERFLOW = Phrases(
    (
        _phrase("is too long", "prompt is too long"),
        _phrase("is too long", "input is too long for requested model"),
        _phrase("context", "exceeds the context window"),
        _phrase("length", "reduce the length of the messages"),
        _phrase("context", "maximum context length"),
        _phrase("context", "exceeds the available context size"),
        _phrase("context", "greater than the context length"),
        _phrase("context", "context window exceeds limit"),
        _phrase("limit", "exceeded model token limit"),
        _phrase("context", "context length exceeded"),
        _phrase("context", "context_length_exceeded"),
        _phrase("context", "context_exceeded"),
        _phrase("context", "prompt too long; exceeded context length"),
        _phrase("context", "prompt too long; exceeded max context length"),
        _phrase("context", "exceed context limit"),
        _phrase("context", "is longer than the model's context length"),
        _phrase("token count", "exceeds the maximum", rf"input token count{_IN_SENTENCE}exceeds the maximum"),
        _phrase("length", "maximum prompt length is", rf"maximum prompt length is {_NUMBER}"),
        _phrase("limit", "exceeds the limit of", rf"exceeds the limit of {_NUMBER}"),
        _phrase("context", "context length is only", rf"context length is only {_NUMBER} tokens"),
        _phrase("context", "input length", rf"input length{_IN_SENTENCE}exceeds{_IN_SENTENCE}context length"),
        _phrase(
            "context", "too large for model", rf"too large for model with {_NUMBER} maximum context length"
        ),
        _phrase("length", "maximum input length", rf"maximum input length is {_NUMBER} tokens"),
    ),
)

_OWNERS = "(?:its|your|the|their)"
_BEEN = "(?:has been |have been |was |were |is |are )?"
_PREPAID = "(?: (?:available|included|prepaid|free|daily|monthly)){0,3} (?:credit|allocation|allowance)"

_SPENT = rf"\b(?:used|consumed)(?: up)?(?: all)?(?: of)?(?: (?:your|the|its))?{_PREPAID}"
_TOO_LOW = "(?:too low|insufficient|depleted|exhausted|not enough)"

#: Spent money, at any status.
STRONG_MONEY = Phrases(
    (
        _phrase("balance", "insufficient", r"insufficient (?:account )?balance"),
        _phrase("credit", "insufficient", r"insufficient (?:account )?credit"),
        _phrase("fund", "insufficient", r"insufficient (?:account )?fund"),
        _phrase("balance", pattern=rf"balance (?:is |was )?{_TOO_LOW}"),
        _phrase("balance", pattern=r"\b(?:overdue|negative|outstanding) balance"),
        _phrase("credit", "out of credit", r"out of credit"),
        _phrase("credit", ("used", "consumed"), _SPENT),
        _phrase("allo", ("used", "consumed"), _SPENT),
        _phrase("quota", "not enough", r"quota (?:is|are) not enough"),
        _phrase("credit", "not enough", r"credits? (?:is|are) not enough"),
        _phrase("balance", "not enough", r"balance (?:is|are) not enough"),
        _phrase("payment", "payment required", r"payment required"),
        _phrase("arrear", "in arrear", r"in arrear"),
        _phrase("invoice", pattern=r"\b(?:unpaid|overdue|past|past due) invoice"),
        _phrase(
            "payment", "payment method", r"\b(?:enter|add|update) (?:a |your )?(?:valid )?payment method"
        ),
        *(_phrase(words) for words in ("余额不足", "额度不足", "欠费", "请充值", "套餐已到期")),
    )
)

_LIMITS = ("spend limit", "spending limit", "usage limit", "budget limit")

#: Used-up allowances of a day or longer; silent where the text speaks of a short window.
ALLOWANCE = Phrases(
    (
        _phrase(
            "limit",
            _LIMITS,
            rf"\b(?:reach(?:es|ed|ing)?|exceed(?:s|ed|ing)?|hit(?:s|ting)?) {_OWNERS}"
            rf"(?: {_WORD}){{0,4}}? (?:spend|spending|usage|budget) limit",
        ),
        _phrase(
            "limit",
            (*_LIMITS, "hard limit"),
            rf"\b(?:spend|spending|usage|budget|hard) limits? {_BEEN}(?:reached|exceeded)",
        ),
        _phrase("budget", "budget has been exceeded"),
        _phrase(
            "exceeded your",
            pattern=rf"exceeded your (?:daily|weekly|monthly)(?: {_WORD}){{0,2}}? "
            r"(?:credit|allowance|allocation|usage|limit)",
        ),
        _phrase(
            "limit",
            ("daily", "weekly", "monthly"),
            rf"\b(?:daily|weekly|monthly) (?:usage )?limits? {_BEEN}(?:reached|exceeded)",
        ),
        _phrase(
            "limit",
            "limited to",
            rf"limited to {_NUMBER} [^.!?。]{{0,80}}?(?:call|request|message)s? ?(?:per|/) ?(?:day|month)",
        ),
        _phrase("使用上限"),
        _phrase("次数限额"),
    )
)
SHORT_WINDOW = re.compile(
    r"per (?:second|minute)|(?<![/:])/ ?(?:s|sec|min|minute)\b(?![/.\-])|\brpm\b|\btpm\b"
)

#: Heard on 400, 402 and 403 or without a status, and only without a rate-limit signal.
WEAK_MONEY = Phrases(
    (
        _phrase("quota", pattern=rf"quota{_NEAR}(?:exceed|exhaust|reached|used up|run out|insufficient)"),
        _phrase("quota", pattern=rf"(?:exceed|exhaust){_NEAR}quota"),
        _phrase("quota", pattern=rf"out of(?: {_WORD}){{0,3}}? quota"),
        _phrase("billing", pattern=r"billing (?:issue|problem|error|disabled|to be enabled)"),
        _phrase("credit", "add ", r"add (?:more )?credit"),
        _phrase("fund", "add ", r"add (?:more )?fund"),
        _phrase("balance", "add ", r"add (?:more )?balance"),
        _phrase("fund", "out of fund", r"out of fund"),
        _phrase("budget", pattern=r"budget (?:limit )?(?:is |was |has been )?(?:exceeded|exhausted)"),
    )
)

RATE_LIMIT_SIGNAL = re.compile(r"rate[ _-]?limit|too many requests")
LONG_WINDOW = re.compile(r"\b(?:day|daily|week|weekly|month|monthly)s?\b")
INSUFFICIENT_QUOTA = re.compile(r"(?<![\w-])insufficient_quota(?![\w-])")
ZERO_LIMIT = re.compile(r"\blimit: 0(?![0-9]|\.[0-9])")
STATED_CODE = re.compile(r"\bcode=([A-Za-z_][A-Za-z0-9_.-]{0,63})")
