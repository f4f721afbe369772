"""``classify``: any exception of a model call as a ``ClassifiedError``."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from chattool.chaterror import classified, delay, evidence, messages
from chattool.chaterror import detail as details
from chattool.chaterror.body import without_page
from chattool.chaterror.classified import ClassifiedError
from chattool.chaterror.kinds import Kind
from chattool.chaterror.signals import Signals
from chattool.chaterror.tree import walk

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from chattool.chaterror.rows import Verdict
    from chattool.chaterror.tree import Node

#: Rows whose text is never shown: it may hold ids of conversation items, or says no more than the headline.
_SILENT_ROWS = ("E2", "E3", "E4")
_CONTINUITY = "OpenAI Responses API request continuity diagnostic: match={}."


def classify(
    error: BaseException | None, *, provider: str | None = None, now: datetime | None = None
) -> ClassifiedError:
    """Why a model call failed. ``provider`` is the caller's knowledge and names the result. Never raises.

    The answer is empty for ``None`` and for an exception that says nothing.
    """
    if error is None:
        return classified.empty()
    hint = provider or ""
    try:
        found = _classified(error, hint, now)
    except Exception:  # noqa: BLE001 - whatever a foreign exception does, the caller has an error to show
        found = classified.normalized(ClassifiedError(kind=Kind.GENERIC, evidence="E27:unreadable exception"))
    return classified.with_provider(found, hint) if hint else found


def _classified(error: BaseException, hint: str, now: datetime | None) -> ClassifiedError:
    root = walk(error)
    stated = _attached(root)
    if stated is not None:
        return classified.normalized(stated)
    signals = Signals(root, hint)
    verdict = evidence.decide(signals)
    wait = delay.retry_after(signals, verdict.kind, now)
    detail = _detail(signals, verdict)
    code = _code(signals, verdict)
    if verdict.evidence == evidence.UNDECIDED and not (
        signals.text or detail or signals.reported_status or code or wait
    ):
        return classified.empty()
    return _built(signals, verdict, detail=detail, code=code, wait=wait, now=now)


def _attached(root: Node) -> ClassifiedError | None:
    if root.is_single:
        return classified.attached(root.error)
    for node in root:
        if node.explicit and (stated := classified.attached(node.error)) is not None:
            return stated
    return None


def _detail(signals: Signals, verdict: Verdict) -> str:
    row, _, name = verdict.evidence.partition(":")
    if row == "E3":
        return _CONTINUITY.format(name)
    stated = details.structured_detail(signals)
    if stated:
        return stated
    error = signals.answer.error if signals.answer is not None else None
    if error is not None and error.typed:
        return _as_json(error.document)
    if row in _SILENT_ROWS or verdict.kind is Kind.AUTH:
        return ""
    return details.format_diagnostic(without_page(signals.text))


def _as_json(document: object) -> str:
    try:
        return details.format_diagnostic(json.dumps(document, ensure_ascii=False))
    except (TypeError, ValueError, RecursionError):
        return ""


def _code(signals: Signals, verdict: Verdict) -> str:
    row = verdict.evidence[:3]
    code = signals.reported_code
    if not code and row == "E5:" and signals.transport is not None:
        return signals.transport.code
    return "request_too_large" if not code and row == "E8:" else code


def _built(
    signals: Signals, verdict: Verdict, *, detail: str, code: str, wait: timedelta, now: datetime | None
) -> ClassifiedError:
    kind, provider = str(verdict.kind), classified.trimmed(signals.provider)
    # Where no answer arrived, a status is one that a wrapper invented.
    status_code = 0 if verdict.evidence.startswith("E5:") else signals.reported_status
    return ClassifiedError(
        message=messages.headline(
            kind=kind,
            provider=provider,
            retryable=verdict.retryable,
            status_code=status_code,
            evidence=verdict.evidence,
        ),
        detail=classified.trimmed(detail),
        kind=kind,
        provider=provider,
        retryable=verdict.retryable,
        status_code=status_code,
        retry_after=wait,
        code=classified.trimmed(code),
        reset_at=delay.reset_at(signals, verdict.kind, wait, now),
        evidence=verdict.evidence,
    )
