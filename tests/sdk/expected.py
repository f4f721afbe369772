"""What is to be said in each case, and where an SDK leaves us less than that."""

from __future__ import annotations

from tests.sdk.answers import CASES

Verdict = tuple[str, bool] | None

#: Kind and retry, whichever SDK raised.
EVERYWHERE: dict[str, Verdict] = {
    "400": ("invalid_request", False),
    "401": ("auth", False),
    "402": ("quota_exhausted", False),
    "403": ("auth", False),
    "404": ("config", False),
    "408": ("timeout", True),
    "409": ("generic", True),
    "413": ("invalid_request", False),
    "422": ("invalid_request", False),
    "429": ("rate_limit", True),
    "500": ("generic", True),
    "503": ("timeout", True),
    "504": ("timeout", True),
    "529": ("overloaded", True),
    "502 page": ("timeout", True),
    "200 page": None,
    "spent money": ("quota_exhausted", False),
    "too long": ("context_overflow", False),
    "reset": ("timeout", True),
    "stall": ("timeout", True),
    "refused": ("timeout", True),
    "unknown host": ("config", False),
    "TLS refused": ("config", False),
    "stream: overload": ("overloaded", True),
    "stream: rate limit": ("rate_limit", True),
    "stream: reset": ("timeout", True),
    "stream: stall": ("timeout", True),
    "stream: ends early": ("timeout", True),
}

_UNNAMED: Verdict = ("generic", False)
# A 404 whose code says neither that it is about the model, nor does its message.
_WITHOUT_MODEL: dict[str, Verdict] = {"404": _UNNAMED}
_UNREADABLE: dict[str, Verdict] = {"200 page": ("generic", True)}
# aiohttp's own limits are raised as the bare TimeoutError, which is how a caller's deadline looks.
_DEADLINE: Verdict = ("timeout", False)

# Their streams end like any other when the last event is missing, and have no event to be guarded by.
_UNGUARDED: dict[str, Verdict] = {"stream: ends early": None}
# The framework trips over what the SDK made of a page.
_TRIPPED: dict[str, Verdict] = {"200 page": _UNNAMED}

EXCEPTIONS: dict[str, dict[str, Verdict]] = {
    "anthropic": _WITHOUT_MODEL,
    "anthropic 0": _WITHOUT_MODEL,
    "google-genai": _WITHOUT_MODEL | _UNREADABLE,
    "google-genai aiohttp": _WITHOUT_MODEL | _UNREADABLE | {"stall": _DEADLINE, "stream: stall": _DEADLINE},
    "google-genai 1": _WITHOUT_MODEL | _UNREADABLE,
    "mistralai": {"200 page": _UNNAMED},
    # What its streams report ends in the complaint of a validator, which keeps only pieces of it.
    "mistralai 1": {
        "200 page": _UNNAMED,
        "stream: overload": ("generic", True),
        "stream: rate limit": ("generic", True),
    },
    "boto3": {"stream: overload": ("timeout", True)},
    "httpx": _UNREADABLE,
    "httpx2": _UNREADABLE,
    # Its errors have no body, so only the status is left. The path of the URL names openai, whose
    # gateways send a 404 without a code in passing.
    "aiohttp": _UNREADABLE
    | {
        "404": ("generic", True),
        "spent money": ("rate_limit", True),
        "too long": ("invalid_request", False),
    },
    "pydantic-ai": _TRIPPED | _UNGUARDED,
    "pydantic-ai 1": _TRIPPED | _UNGUARDED,
    "openai-agents chat": _TRIPPED | _UNGUARDED,
    "openai-agents responses": _TRIPPED | _UNGUARDED,
    # litellm makes a failure of its own out of a page, and an end out of a missing one.
    "litellm openai": _UNREADABLE | _UNGUARDED,
    # Its anthropic route reports each failure of a stream as a 500 and drops the type.
    "litellm anthropic": _WITHOUT_MODEL
    | _UNGUARDED
    | {
        "200 page": ("timeout", True),
        "stream: overload": ("generic", True),
        "stream: rate limit": ("generic", True),
    },
}


def expected(client: str) -> dict[str, Verdict]:
    """Kind and retry by case; ``None`` where the SDK raises nothing."""
    return {case: EXCEPTIONS.get(client, {}).get(case, EVERYWHERE[case]) for case in CASES}
