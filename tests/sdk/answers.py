"""What the server answers in each case, in the words of each provider."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from tests.sdk import event_stream

if TYPE_CHECKING:
    from collections.abc import Callable

#: Status, code or type, message.
Spoken = tuple[int, str, str]

MESSAGE = "something is wrong with this request"
PAGE = "<html><head><title>502 Bad Gateway</title></head><body>payment required</body></html>"
STATUSES = (400, 401, 402, 403, 404, 408, 409, 413, 422, 429, 500, 503, 504, 529)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A whole answer."""

    status: int
    body: str = ""
    headers: dict[str, str] = field(default_factory=dict)
    kind: str = "application/json"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a provider speaks of errors, and how its streams look."""

    codes: dict[int, str]
    body: Callable[[int, str, str], object]
    spent: Spoken
    too_long: Spoken
    event: Callable[[object], bytes]
    """One event of its streams on the wire."""
    first: object
    """An event that begins an answer."""
    failures: dict[str, object]
    """Events that report an overload, and a rate limit."""
    stream_kind: str = "text/event-stream"
    code_header: str = ""


def answer(dialect: Dialect, case: str) -> Answer:
    """The answer to a request in one of the cases with a whole answer."""
    if case == "502 page":
        return Answer(status=502, body=PAGE, kind="text/html")
    if case == "200 page":
        return Answer(status=200, body=PAGE, kind="text/html")
    if case == "spent money":
        return _spoken(dialect, *dialect.spent)
    if case == "too long":
        return _spoken(dialect, *dialect.too_long)
    status = int(case)
    return _spoken(dialect, status, dialect.codes.get(status, ""), MESSAGE)


def _spoken(dialect: Dialect, status: int, code: str, message: str) -> Answer:
    headers = {"retry-after": "7"} if status == 429 else {}
    if dialect.code_header and code:
        headers[dialect.code_header] = code
    return Answer(status=status, body=json.dumps(dialect.body(status, code, message)), headers=headers)


def _openai(_status: int, code: str, message: str) -> object:
    return {
        "error": {"message": message, "type": "invalid_request_error", "param": None, "code": code or None}
    }


def _anthropic(_status: int, code: str, message: str) -> object:
    return {"type": "error", "error": {"type": code, "message": message}, "request_id": "req_1"}


def _google(status: int, code: str, message: str) -> object:
    error: dict[str, object] = {"code": status, "message": message, "status": code.partition(" ")[0]}
    if code.endswith("PerDay"):
        violation = {"quotaId": "GenerateRequestsPerDayPerProject"}
        error["details"] = [
            {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
        ]
    return {"error": error}


def _mistral(status: int, code: str, message: str) -> object:
    if status in (401, 403):
        return {"detail": message}
    return {"object": "error", "message": message, "type": code or "odd", "param": None, "code": None}


def _bedrock(_status: int, _code: str, message: str) -> object:
    return {"message": message}


def server_sent(event: object) -> bytes:
    """One server-sent event; named by its type, as Anthropic's are."""
    kind = event.get("type") if isinstance(event, dict) else None
    name = f"event: {kind}\n" if kind else ""
    return f"{name}data: {json.dumps(event)}\n\n".encode()


def _choice(text: str) -> object:
    delta = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "delta": delta, "finish_reason": None}],
    }


_MESSAGE_START = {
    "type": "message_start",
    "message": {
        "id": "1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 1, "output_tokens": 1},
    },
}
_RESPONSE = {
    "id": "1",
    "object": "response",
    "created_at": 1,
    "model": "m",
    "output": [],
    "parallel_tool_calls": False,
    "tool_choice": "auto",
    "tools": [],
}
_OPENAI_CODES = {
    401: "invalid_api_key",
    404: "model_not_found",
    429: "rate_limit_exceeded",
    500: "server_error",
}

OPENAI = Dialect(
    codes=_OPENAI_CODES,
    body=_openai,
    spent=(429, "insufficient_quota", "You exceeded your current quota."),
    too_long=(400, "context_length_exceeded", "This model's maximum context length is 8192 tokens."),
    event=server_sent,
    first=_choice("a"),
    failures={
        "overload": {"error": {"message": "busy", "type": "overloaded_error", "code": None}},
        "rate": {"error": {"message": "slow", "type": "tokens", "code": "rate_limit_exceeded"}},
    },
)
RESPONSES = Dialect(
    codes=_OPENAI_CODES,
    body=_openai,
    spent=OPENAI.spent,
    too_long=OPENAI.too_long,
    event=server_sent,
    first={
        "type": "response.created",
        "sequence_number": 0,
        "response": {**_RESPONSE, "status": "in_progress"},
    },
    failures={
        "overload": {
            "type": "response.failed",
            "sequence_number": 1,
            "response": {
                **_RESPONSE,
                "status": "failed",
                "error": {"code": "server_is_overloaded", "message": "busy"},
            },
        },
        "rate": {
            "type": "error",
            "sequence_number": 1,
            "code": "rate_limit_exceeded",
            "message": "slow",
            "param": None,
        },
    },
)
ANTHROPIC = Dialect(
    codes={
        400: "invalid_request_error",
        401: "authentication_error",
        402: "billing_error",
        403: "permission_error",
        404: "not_found_error",
        408: "timeout_error",
        409: "conflict_error",
        413: "request_too_large",
        422: "invalid_request_error",
        429: "rate_limit_error",
        500: "api_error",
        503: "api_error",
        504: "timeout_error",
        529: "overloaded_error",
    },
    body=_anthropic,
    spent=(400, "invalid_request_error", "Your credit balance is too low to access the API."),
    too_long=(400, "invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"),
    event=server_sent,
    first=_MESSAGE_START,
    failures={
        "overload": {"type": "error", "error": {"type": "overloaded_error", "message": "busy"}},
        "rate": {"type": "error", "error": {"type": "rate_limit_error", "message": "slow"}},
    },
)
GOOGLE = Dialect(
    codes={
        400: "INVALID_ARGUMENT",
        401: "UNAUTHENTICATED",
        403: "PERMISSION_DENIED",
        404: "NOT_FOUND",
        409: "ABORTED",
        429: "RESOURCE_EXHAUSTED",
        500: "INTERNAL",
        503: "UNAVAILABLE",
        504: "DEADLINE_EXCEEDED",
    },
    body=_google,
    spent=(429, "RESOURCE_EXHAUSTED PerDay", "You exceeded your current quota."),
    too_long=(400, "INVALID_ARGUMENT", "The input token count (9) exceeds the maximum number of tokens (8)."),
    event=server_sent,
    first={"candidates": [{"index": 0, "content": {"role": "model", "parts": [{"text": "a"}]}}]},
    failures={
        "overload": {"error": {"code": 503, "message": "The model is overloaded.", "status": "UNAVAILABLE"}},
        "rate": {"error": {"code": 429, "message": "slow", "status": "RESOURCE_EXHAUSTED"}},
    },
)
MISTRAL = Dialect(
    codes={404: "model_not_found", 429: "rate_limited", 500: "internal_server_error"},
    body=_mistral,
    spent=(403, "", "Billing problem on this workspace"),
    too_long=(
        400,
        "invalid_request_error",
        "Prompt contains 9 tokens: too large for model with 8 maximum context length",
    ),
    event=server_sent,
    first=_choice("a"),
    failures={
        "overload": {"object": "error", "message": "busy", "type": "engine_overloaded_error", "code": None},
        "rate": {"object": "error", "message": "slow", "type": "rate_limited", "code": None},
    },
)
BEDROCK = Dialect(
    codes={
        400: "ValidationException",
        401: "UnrecognizedClientException",
        403: "AccessDeniedException",
        404: "ResourceNotFoundException",
        408: "ModelTimeoutException",
        409: "ConflictException",
        429: "ThrottlingException",
        500: "InternalServerException",
        503: "ServiceUnavailableException",
    },
    body=_bedrock,
    spent=(400, "ServiceQuotaExceededException", "You have used your quota."),
    too_long=(400, "ValidationException", "Input is too long for requested model."),
    event=event_stream.message,
    first={"event": "messageStart", "payload": {"role": "assistant"}},
    failures={
        "overload": {"exception": "serviceUnavailableException", "payload": {"message": "busy"}},
        "rate": {"exception": "throttlingException", "payload": {"message": "slow"}},
    },
    stream_kind="application/vnd.amazon.eventstream",
    code_header="x-amzn-errortype",
)

DIALECTS = {
    "openai": OPENAI,
    "responses": RESPONSES,
    "anthropic": ANTHROPIC,
    "google": GOOGLE,
    "mistral": MISTRAL,
    "bedrock": BEDROCK,
}

ANSWERED = (*map(str, STATUSES), "502 page", "200 page", "spent money", "too long")
BROKEN = ("reset", "stall", "refused", "unknown host", "TLS refused")
STREAMED = (
    "stream: overload",
    "stream: rate limit",
    "stream: reset",
    "stream: stall",
    "stream: ends early",
)
CASES = (*ANSWERED, *BROKEN, *STREAMED)
