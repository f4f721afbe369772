"""What a person reads: one headline per kind, and the texts of a few cases of their own."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from chattool.chaterror import providers
from chattool.chaterror.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

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


@lru_cache(maxsize=512)
def _filled(text: str, provider: str) -> str:
    if "{" not in text:
        return text
    return text.format(
        S=providers.subject(provider),
        s=providers.inside(provider),
        name=providers.DISPLAY_NAMES.get(provider, "AI"),
    )
