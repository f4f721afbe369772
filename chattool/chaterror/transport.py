"""What broke on the way to the provider, when no answer arrived."""

from __future__ import annotations

import errno
import re
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool.chaterror import codes, words
from chattool.chaterror.class_facts import Transport
from chattool.chaterror.kinds import Kind

if TYPE_CHECKING:
    from chattool.chaterror.signals import Signals
    from chattool.chaterror.tree import Node

_BROKEN_ERRNOS = frozenset(
    {
        errno.ECONNRESET,
        errno.ECONNREFUSED,
        errno.ECONNABORTED,
        errno.ETIMEDOUT,
        errno.EPIPE,
        errno.EHOSTUNREACH,
        errno.ENETUNREACH,
    }
)
_NAME = re.compile(r"\b(?:E[A-Z]{4,16}|UND_ERR_[A-Z_]{4,24})\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """What broke. ``name`` is for the evidence, ``code`` for people."""

    rank: Transport
    kind: Kind
    retryable: bool
    name: str
    code: str = ""


_LOOKUP_FAILED = Finding(
    rank=Transport.NOT_RESOLVED,
    kind=Kind.TIMEOUT,
    retryable=True,
    name="host_lookup_failed",
    code="EAI_AGAIN",
)


def finding(signals: Signals) -> Finding | None:
    """The most specific finding; ``None`` when an answer arrived, or nothing of the kind is known."""
    named = codes.found(codes.NOT_RESOLVED, signals.codes) or codes.found(codes.TRANSPORT, signals.codes)
    if named and not signals.structured_status:
        return _named(named)
    arrived = signals.answer is not None and signals.answer.body is not None
    if arrived or words.found(words.DEADLINE.words, signals.lowered):
        return None
    found = [one for node in signals.chain if (one := _of_node(node)) is not None]
    if not signals.status and not signals.codes and (one := _of_text(signals)) is not None:
        found.append(one)
    return min(found, key=lambda one: one.rank, default=None)


def _of_node(node: Node) -> Finding | None:
    error, rank = node.error, node.classes.transport
    name = type(error).__name__
    number = error.errno if isinstance(error, OSError) else None
    if rank is Transport.NOT_RESOLVED:
        return _LOOKUP_FAILED if number == socket.EAI_AGAIN else _named("ENOTFOUND")
    if rank is Transport.TLS_REFUSED:
        return Finding(rank=rank, kind=Kind.CONFIG, retryable=False, name="tls_refused")
    if rank is Transport.OWN_MISTAKE:
        return Finding(rank=rank, kind=Kind.CONFIG, retryable=False, name=name)
    if number is not None and number in _BROKEN_ERRNOS:
        return _named(errno.errorcode[number])
    is_deadline = type(error) is TimeoutError and not error.args
    if rank is None or is_deadline:
        return None
    return Finding(rank=rank, kind=Kind.TIMEOUT, retryable=True, name=name)


def _of_text(signals: Signals) -> Finding | None:
    whole = signals.own.rstrip(".")
    if whole in words.TRANSPORT:
        return Finding(rank=Transport.BROKEN, kind=Kind.TIMEOUT, retryable=True, name=whole)
    for match in _NAME.finditer(signals.text):
        name = match[0].lower()
        if name in codes.NOT_RESOLVED or name in codes.TRANSPORT:
            return _named(match[0])
    return None


def _named(name: str) -> Finding:
    if name == "ENOTFOUND":
        return Finding(
            rank=Transport.NOT_RESOLVED,
            kind=Kind.CONFIG,
            retryable=False,
            name="host_not_resolved",
            code=name,
        )
    return Finding(rank=Transport.ERRNO, kind=Kind.TIMEOUT, retryable=True, name=name, code=name)
