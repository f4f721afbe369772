"""``chats.last_error``: how a failure is written, and how anything found there is read."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import overload

from chattool.chaterror import moments
from chattool.chaterror.classified import ClassifiedError, normalized, trimmed
from chattool.chaterror.classifier import classify
from chattool.chaterror.kinds import Kind
from chattool.chaterror.messages import FINAL_GENERIC
from chattool.chaterror.payload import terminal_payload
from chattool.chaterror.tree import text_of

_UNREADABLE = ClassifiedError(message=FINAL_GENERIC, kind=Kind.GENERIC.value)
_TYPES: Mapping[str, type] = {
    "message": str,
    "detail": str,
    "kind": str,
    "provider": str,
    "code": str,
    "reset_at": str,
    "status_code": int,
    "retryable": bool,
}


@overload
def encode_last_error(error: None) -> None: ...
@overload
def encode_last_error(error: ClassifiedError | BaseException) -> dict[str, object]: ...
def encode_last_error(error: ClassifiedError | BaseException | None) -> dict[str, object] | None:
    """The object to store: the terminal payload; ``None``, which is SQL's NULL, without an error."""
    if error is None:
        return None
    known = normalized(error) if isinstance(error, ClassifiedError) else classify(error)
    payload = terminal_payload(known)
    if payload is not None:
        return payload
    text = "" if isinstance(error, ClassifiedError) else trimmed(text_of(error))
    return {"message": text, "retryable": False}


def decode_last_error(stored: object) -> ClassifiedError | None:
    """What was stored, as an object or as its JSON text; anything unreadable is a generic failure."""
    if stored is None:
        return None
    found = _parsed(stored) if isinstance(stored, str | bytes) else stored
    if not isinstance(found, Mapping):
        return _UNREADABLE
    fields = {name: found[name] for name in _TYPES if name in found}
    if not all(_is_typed(fields[name], _TYPES[name]) for name in fields):
        return _UNREADABLE
    words = {name: trimmed(value) for name, value in fields.items() if isinstance(value, str)}
    return ClassifiedError(
        message=words.get("message") or FINAL_GENERIC,
        detail=words.get("detail", ""),
        kind=words.get("kind") or Kind.GENERIC.value,
        provider=words.get("provider", ""),
        code=words.get("code", ""),
        retryable=fields.get("retryable", False),
        status_code=fields.get("status_code", 0),
        reset_at=moments.rfc3339(words.get("reset_at", "")),
    )


def _parsed(stored: str | bytes) -> object:
    try:
        value: object = json.loads(stored)
    except (ValueError, RecursionError):
        return None
    return value


def _is_typed(value: object, expected: type) -> bool:
    return isinstance(value, expected) and (expected is not int or not isinstance(value, bool))
