"""What a person reads: one headline per kind, and the texts of a few cases of their own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from chattool.chaterror import providers
from chattool.chaterror.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import timedelta

    from chattool.chaterror.classified import ClassifiedError

# {S} is the provider at the start of a sentence, {s} inside one.
_UNAVAILABLE = "{S} is temporarily unavailable."
_UNEXPECTED = "{S} returned an unexpected error."

FINAL_TIMEOUT = "The request timed out before it completed."
FINAL_GENERIC = "The chat request failed unexpectedly."

TERMINAL: Mapping[str, str] = {
    Kind.OVERLOADED: "{S} is temporarily overloaded.",
    Kind.RATE_LIMIT: "{S} is rate limiting requests.",
    Kind.TIMEOUT: _UNAVAILABLE,
    Kind.STARTUP_TIMEOUT: "{S} did not start responding in time.",
    Kind.AUTH: "Authentication with {s} failed. Check the API key, permissions, and billing settings.",
    Kind.CONFIG: "{S} rejected the model configuration. Check the selected model and provider settings.",
    Kind.GENERIC: _UNEXPECTED,
    Kind.CANCELED: "The request was canceled before it completed.",
    Kind.QUOTA_EXHAUSTED: (
        "The quota or balance at {s} is used up. Add credit, raise the limit, or switch to another model."
    ),
    Kind.FREE_QUOTA_EXHAUSTED: (
        "The free allowance at {s} is used up. Wait until it renews, or switch to a paid plan."
    ),
    Kind.INVALID_REQUEST: (
        "{S} rejected the request as invalid. Change the request before sending it again."
    ),
    Kind.CONTEXT_OVERFLOW: (
        "The conversation is too long for the selected model. "
        "Shorten it, or choose a model with a larger context window."
    ),
}

#: Where the text while retrying is another one.
RETRYING: Mapping[str, str] = {
    Kind.AUTH: "Authentication with {s} failed.",
    Kind.CONFIG: "{S} rejected the model configuration.",
    Kind.QUOTA_EXHAUSTED: "The quota or balance at {s} is used up.",
    Kind.FREE_QUOTA_EXHAUSTED: "The free allowance at {s} is used up.",
    Kind.INVALID_REQUEST: "{S} rejected the request as invalid.",
    Kind.CONTEXT_OVERFLOW: "The conversation is too long for the selected model.",
}

_CONTINUITY = (
    "The chat continuation failed due to an internal state mismatch. "
    "This is not a configuration or billing issue."
)
_CONTENT_FILTER = "{S} blocked this content under its policy."

#: Terminal texts of their own, by the part of ``evidence`` behind the row.
SPECIAL: Mapping[str, str] = {
    "stream_incomplete": "{S} stream closed unexpectedly before the response completed.",
    "function_call_output_missing": _CONTINUITY,
    "web_search_reasoning_missing": _CONTINUITY,
    "provider_disabled": "The {name} provider has been disabled. Contact your administrator.",
    "host_not_resolved": (
        "The host name of {s} could not be resolved. Check the provider's address and the network."
    ),
    "tls_refused": (
        "No trusted connection to {s} could be made. Check the provider's address and certificates."
    ),
    "content_filter": _CONTENT_FILTER,
    "content_policy_violation": _CONTENT_FILTER,
    "ContentPolicyViolationError": _CONTENT_FILTER,
}

_AGAIN = "{Wait}try again."
_CHECK_NETWORK = "Check the provider's address and the network."

#: What a person can do, by kind. {Wait} becomes the wait that the provider asks for.
NEXT_STEPS: Mapping[str, str] = {
    Kind.AUTH: "Check the API key and what it may do.",
    Kind.QUOTA_EXHAUSTED: "Add credit, raise the limit, or switch to another model.",
    Kind.FREE_QUOTA_EXHAUSTED: "Wait until the allowance renews, or switch to a paid plan.",
    Kind.RATE_LIMIT: "{Wait}try again; send less at a time.",
    Kind.OVERLOADED: _AGAIN,
    Kind.TIMEOUT: "{Wait}try again; if it stays so, check the network.",
    Kind.STARTUP_TIMEOUT: _AGAIN,
    Kind.INVALID_REQUEST: "Change the request before sending it again.",
    Kind.CONTEXT_OVERFLOW: "Shorten the conversation, or choose a model with a larger context window.",
    Kind.CONFIG: "Check the selected model and the provider's settings.",
    Kind.CANCELED: "Send it again if it is still wanted.",
}
_SPECIAL_STEPS: Mapping[str, str] = {
    "host_not_resolved": _CHECK_NETWORK,
    "tls_refused": "Check the provider's address and certificates.",
    "provider_disabled": "Ask the administrator.",
}
_MORE_TIME = "Allow the request more time, or make it smaller."
_UNKNOWN_STEP = "Read the detail; the same request will fail again."


def terminal_message(error: ClassifiedError) -> str:
    """The headline of a failure that ends the turn."""
    return headline(
        kind=error.kind,
        provider=providers.normalized(error.provider),
        retryable=error.retryable,
        status_code=error.status_code,
        evidence=error.evidence,
    )


def headline(*, kind: str, provider: str, retryable: bool, status_code: int, evidence: str) -> str:
    """``terminal_message`` of the classification with these fields."""
    special = SPECIAL.get(evidence.partition(":")[2])
    if special is not None:
        return _filled(special, provider)
    text = TERMINAL.get(kind, _UNEXPECTED)
    if not retryable and not status_code:
        if text is _UNAVAILABLE:
            return FINAL_TIMEOUT
        if text is _UNEXPECTED:
            return FINAL_GENERIC
    return _filled(text, provider)


def retry_message(error: ClassifiedError) -> str:
    """The line shown while the call is being tried again; ``error.message`` plays no part in it."""
    text = RETRYING.get(error.kind) or TERMINAL.get(error.kind, _UNEXPECTED)
    return _filled(text, providers.normalized(error.provider))


def next_step(error: ClassifiedError) -> str:
    """What a person can do about the failure, in one sentence; ``""`` where nothing failed."""
    if error.is_empty:
        return ""
    step = _SPECIAL_STEPS.get(error.evidence.partition(":")[2]) or NEXT_STEPS.get(error.kind, "")
    if error.kind == Kind.TIMEOUT and not error.retryable:
        step = _MORE_TIME
    if not step:
        step = _AGAIN if error.retryable else _UNKNOWN_STEP
    wait = f"Wait {_in_words(error.retry_after)}, then " if error.retry_after else "Wait a little, then "
    return step.replace("{Wait}", wait)


def _in_words(wait: timedelta) -> str:
    seconds = wait.total_seconds()
    if seconds < 2 * 60:
        return f"{seconds:.3g} s"
    return f"{seconds / 60:.0f} min" if seconds < 2 * 3600 else f"{seconds / 3600:.3g} h"


@lru_cache(maxsize=512)
def _filled(text: str, provider: str) -> str:
    if "{" not in text:
        return text
    return text.format(
        S=providers.subject(provider),
        s=providers.inside(provider),
        name=providers.DISPLAY_NAMES.get(provider, "AI"),
    )
