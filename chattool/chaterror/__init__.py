"""Errors of model calls: classified once, said well, retried only when it helps.

Pure: no I/O, no database, no provider SDK. Everything is imported on first use, tenacity only for retries.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from chattool.chaterror.classified import ClassifiedError, with_classification, with_provider
    from chattool.chaterror.classifier import classify
    from chattool.chaterror.detail import format_diagnostic
    from chattool.chaterror.events import error_from_event
    from chattool.chaterror.kinds import Kind, compat_kind
    from chattool.chaterror.messages import next_step, retry_message, terminal_message
    from chattool.chaterror.payload import retry_payload, terminal_payload
    from chattool.chaterror.persistence import decode_last_error, encode_last_error
    from chattool.chaterror.policy import RetryPolicy, effective_delay
    from chattool.chaterror.provider_error import ProviderError
    from chattool.chaterror.retry import (
        RetryEvent,
        RetryExhausted,
        call_with_retry,
        retry_if_provider,
        retrying,
        stop_policy,
        wait_provider,
    )
    from chattool.chaterror.startup import StartupGuard, StartupTimeout, startup_guard
    from chattool.chaterror.streams import Dialect, StreamIncomplete, stream_guard

__all__ = [
    "ClassifiedError",
    "Dialect",
    "Kind",
    "ProviderError",
    "RetryEvent",
    "RetryExhausted",
    "RetryPolicy",
    "StartupGuard",
    "StartupTimeout",
    "StreamIncomplete",
    "call_with_retry",
    "classify",
    "compat_kind",
    "decode_last_error",
    "effective_delay",
    "encode_last_error",
    "error_from_event",
    "format_diagnostic",
    "next_step",
    "retry_if_provider",
    "retry_message",
    "retry_payload",
    "retrying",
    "startup_guard",
    "stop_policy",
    "stream_guard",
    "terminal_message",
    "terminal_payload",
    "wait_provider",
    "with_classification",
    "with_provider",
]

_HOMES = {
    "ClassifiedError": "classified",
    "Dialect": "streams",
    "Kind": "kinds",
    "ProviderError": "provider_error",
    "RetryEvent": "retry",
    "RetryExhausted": "retry",
    "RetryPolicy": "policy",
    "StartupGuard": "startup",
    "StartupTimeout": "startup",
    "StreamIncomplete": "streams",
    "call_with_retry": "retry",
    "classify": "classifier",
    "compat_kind": "kinds",
    "decode_last_error": "persistence",
    "effective_delay": "policy",
    "encode_last_error": "persistence",
    "error_from_event": "events",
    "format_diagnostic": "detail",
    "next_step": "messages",
    "retry_if_provider": "retry",
    "retry_message": "messages",
    "retry_payload": "payload",
    "retrying": "retry",
    "startup_guard": "startup",
    "stop_policy": "retry",
    "stream_guard": "streams",
    "terminal_message": "messages",
    "terminal_payload": "payload",
    "wait_provider": "retry",
    "with_classification": "classified",
    "with_provider": "classified",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = importlib.import_module(f"{__name__}.{_HOMES[name]}")
    globals()[name] = value = getattr(home, name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
