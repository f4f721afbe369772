"""Failures that a stream only yields: read as mappings or as objects of any SDK."""

from __future__ import annotations

from collections.abc import Mapping

from chattool.chaterror import error_object
from chattool.chaterror.body import Document, is_object
from chattool.chaterror.provider_error import ProviderError

_DEFAULT_MESSAGE = "the provider's stream reported an error"


def error_from_event(event: object, *, provider: str = "") -> ProviderError | None:
    """The failure that a stream's event reports; ``None`` for every other event."""
    document = _error_document(event)
    if document is None:
        return None
    message = error_object.read(document).message or _DEFAULT_MESSAGE
    return ProviderError(message, body=document, provider=provider)


def field(event: object, *names: str) -> object:
    """The first of these fields that an event has: as a key, or as an attribute."""
    for name in names:
        try:
            found = event.get(name) if isinstance(event, Mapping) else getattr(event, name, None)
        except Exception:  # noqa: BLE001 - a foreign event may raise anything; then the field is absent
            found = None
        if found is not None:
            return found
    return None


def exception_key(event: object) -> str:
    """The key of Bedrock's exception events, or ``""``."""
    if not isinstance(event, Mapping):
        return ""
    return next((key for key in event if isinstance(key, str) and key.endswith("Exception")), "")


def _error_document(event: object) -> Document | None:
    kind = field(event, "type")
    if kind == "error":
        return _error_event(event)
    if kind == "response.failed":
        failed = _document(field(field(event, "response"), "error"))
        return {"type": "response.failed", "response": {"error": failed}}
    if key := exception_key(event):
        return {"error": {"code": key, **_document(field(event, key))}}
    stated = field(event, "error")
    if isinstance(stated, str) and stated.strip():
        return {"error": stated}
    found = _document(stated)
    return {"error": found} if found else None


def _error_event(event: object) -> Document:
    inner = _document(field(event, "error"))
    if inner:
        return {"type": "error", "error": inner}
    stated = {name: field(event, name) for name in ("code", "message", "param")}
    return {"type": "error", "error": {name: value for name, value in stated.items() if value is not None}}


def _document(value: object) -> Document:
    """An object of a stream as a mapping; empty when it is none."""
    if is_object(value):
        return value
    if value is None or isinstance(value, str | int | float | list | tuple):
        return {}
    for name in ("model_dump", "to_dict", "dict"):
        dump = getattr(value, name, None)
        if callable(dump):
            try:
                dumped = dump()
            except Exception:  # noqa: BLE001, S112 - a foreign object; try the next way
                continue
            if is_object(dumped):
                return dumped
    return {name: found for name, found in getattr(value, "__dict__", {}).items() if not name.startswith("_")}
