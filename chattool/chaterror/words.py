"""Word lists: plain substrings of a text in lower case.

Each list stands behind stems: a text without any of them holds none of the words.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Words, and the shorter pieces of which each word contains one."""

    words: tuple[str, ...]
    stems: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not self.stems:
            object.__setattr__(self, "stems", self.words)


OVERLOADED = Words(("overloaded",))
RATE_LIMIT = Words(
    (
        "rate limit",
        "rate_limit",
        "rate limited",
        "rate-limited",
        "too many requests",
        "rate increased too quickly",
    ),
    stems=("rate", "too many"),
)
# Broad on purpose ("eof" also sits inside other words), so it is used only where nothing better is known.
TIMEOUT = Words(
    (
        "timeout",
        "timed out",
        "service unavailable",
        "unavailable",
        "connection reset",
        "connection refused",
        "eof",
        "broken pipe",
        "bad gateway",
        "gateway timeout",
        "client conn",
        "goaway",
        "http2: stream closed",
        "use of closed network connection",
        "internal_error; received from peer",
        "refused_stream; received from peer",
        "cancel; received from peer",
        "enhance_your_calm; received from peer",
        "no_error; received from peer",
    ),
    stems=(
        *("timeout", "timed", "unavailable", "conn", "eof", "pipe", "gateway", "goaway", "close", "peer"),
    ),
)
STRONG_AUTH = Words(
    ("authentication", "unauthorized", "invalid api key", "invalid_api_key"),
    stems=("auth", "invalid"),
)
WEAK_AUTH = Words(("forbidden",))
CONFIG = Words(
    (
        "invalid model",
        "model not found",
        "model_not_found",
        "unsupported model",
        "malformed config",
        "malformed configuration",
    ),
    stems=("model", "malformed"),
)
GENERIC_RETRYABLE = Words(("server error", "internal server error"), stems=("server error",))
INTERRUPTED = Words(
    ("chat interrupted", "request interrupted", "operation interrupted"), stems=("interrupted",)
)
PROVIDER_DISABLED = Words(("provider_disabled",))
STREAM_INCOMPLETE = Words(
    (
        "anthropic stream closed before message_stop",
        "openai responses stream closed before terminal event",
        "did not produce a final response",
    ),
    stems=("close", "did not produce"),
)
BARE_BILLING = Words(("quota", "billing"))
DEADLINE = Words(("context deadline exceeded",), stems=("context",))

CONTINUITY = Words(
    ("no tool output found for function call", "was provided without its required 'reasoning' item"),
    stems=("no tool output", "'reasoning' item"),
)
#: What is shown in place of them: the texts contain ids of conversation items.
CONTINUITY_MATCHES = dict(
    zip(CONTINUITY.words, ("function_call_output_missing", "web_search_reasoning_missing"), strict=True)
)

#: Whole texts, case and a final dot ignored.
TOO_LARGE = frozenset(
    {
        "413 (no body)",
        "413 status code (no body)",
        "payload too large",
        "request entity too large",
    }
)
EMPTY_400 = frozenset({"400 (no body)", "400 status code (no body)"})
TRANSPORT = frozenset({"socket hang up", "premature close"})
#: Of these and of the names of system errors that stand in a text.
TRANSPORT_STEMS = ("conn", "timed", "pipe", "unreach", "notfound", "und_err_", "hang up", "close")


def found(words: tuple[str, ...], lowered: str) -> str:
    """The first of ``words`` that occurs in a text in lower case, or ``""``."""
    for word in words:
        if word in lowered:
            return word
    return ""
