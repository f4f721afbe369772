"""Tests of rows that need more than one list."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.chaterror import codes, phrases, words
from chattool.chaterror.class_facts import trait
from chattool.chaterror.rows import Test, said
from chattool.chaterror.signals import Column, Signals

if TYPE_CHECKING:
    from chattool.chaterror.kinds import Kind

_SERVER_ERROR = 500


def continuity(s: Signals) -> str:
    """The two words about items that a continued conversation misses."""
    return words.CONTINUITY_MATCHES.get(words.found(words.CONTINUITY.words, s.answer_text), "")


def stream_incomplete(s: Signals) -> str:
    """A stream that ended without its last event, by type or words."""
    typed = any(node.classes.stream_incomplete for node in s.chain)
    return "stream_incomplete" if typed or words.found(words.STREAM_INCOMPLETE.words, s.own) else ""


def transport(kind: Kind) -> Test:
    """What broke on the way, if that makes an error of ``kind``."""

    def name(s: Signals) -> str:
        return s.transport.name if s.transport is not None and s.transport.kind is kind else ""

    return said(
        name, trait("transport"), own=words.TRANSPORT_STEMS, listed=(*codes.TRANSPORT, *codes.NOT_RESOLVED)
    )


def free_usage(s: Signals) -> str:
    """The marker of a used-up free allowance, from the provider that counts one down."""
    if s.provider != "opencode" or not (s.status in (0, 408, 409, 429) or s.status >= _SERVER_ERROR):
        return ""
    marked = codes.FREE_USAGE_MARKER in s.codes.values() or s.has_free_usage_marker
    return codes.FREE_USAGE_MARKER if marked else ""


def may_overflow(s: Signals) -> bool:
    """False where too many tokens are a matter of rate or money."""
    return s.status not in (402, 429)


def context_overflow(s: Signals) -> str:
    """A conversation that became too long, in the provider's words."""
    if not may_overflow(s):
        return ""
    return s.own if s.own in words.EMPTY_400 else phrases.CONTEXT_OVERFLOW.found(s.answer_text, s.stems)


def too_large(s: Signals) -> str:
    """Whole texts about a request too large to be read."""
    texts = (s.own.rstrip("."), s.message.strip().lower().rstrip("."))
    return "request_too_large" if not words.TOO_LARGE.isdisjoint(texts) else ""


def overloaded(s: Signals) -> str:
    """The word, in the own text of mere texts and anywhere in a server error."""
    if s.column is Column.PLAIN:
        return words.found(words.OVERLOADED.words, s.own)
    if s.column is Column.SERVER:
        return words.found(words.OVERLOADED.words, s.answer_text)
    return ""


def no_provider_at_opencode(s: Signals) -> str:
    """The way of opencode of saying that all of its providers are busy."""
    return "ModelError" if s.provider == "opencode" and s.message == "No provider available" else ""


def may_be_unavailable(s: Signals) -> bool:
    """Whether a code about unavailability is believed beside the status."""
    return s.status in (0, 408, 429) or s.status >= _SERVER_ERROR


def unavailable_and_overloaded(s: Signals) -> bool:
    """The same, where the words name the reason."""
    return may_be_unavailable(s) and "overloaded" in s.answer_text


def disabled_config(s: Signals) -> str:
    """A disabled provider beside config words, which would decide without it."""
    configured = words.found(words.CONFIG.words, s.own) or codes.found(codes.CONFIG, s.codes)
    return words.found(words.PROVIDER_DISABLED.words, s.own) if configured else ""


def model_not_found(s: Signals) -> str:
    """A 404 whose message begins with the model."""
    named = s.status == 404 and s.message.lower().startswith("model")
    return "not_found_error" if named else ""


def unreadable(s: Signals) -> str:
    """An answer that could not be read, unless the parser's complaint holds the provider's error."""
    read = s.answer is not None and s.answer.error is not None and s.answer.error.error
    return "" if s.status or s.codes or read else s.unreadable


def conflict_not_to_be_repeated(s: Signals) -> str:
    """A 409 of which the library itself says no."""
    own_flag = s.answer.own_flag if s.answer is not None else None
    return "409" if s.status == 409 and own_flag is False else ""


def unnamed_404(s: Signals) -> str:
    """A 404 without a code, which OpenAI's gateways send in passing."""
    passing = s.structured_status == 404 and s.provider.startswith("openai") and not s.codes
    return "404" if passing else ""
