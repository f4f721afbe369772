"""Names of exception classes, and of their attributes, by what they mean."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The attributes that are read of an exception.
ATTRIBUTES = frozenset(
    {
        "body",
        "code",
        "details",
        "error_code",
        "headers",
        "http_status",
        "is_retryable",
        "litellm_response_headers",
        "llm_provider",
        "provider",
        "provider_error_code",
        "provider_error_type",
        "raw_response",
        "request",
        "response",
        "retry_after",
        "retryable",
        "status",
        "status_code",
        "type",
    }
)

#: Statuses that class names stand for, where no status and no code was sent.
STATUSES: Mapping[str, int] = {
    "RateLimitError": 429,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "BadRequestError": 400,
    "UnprocessableEntityError": 422,
    "ConflictError": 409,
    "ContentTooLargeError": 413,
    "PaymentRequiredError": 402,
    "RequestTimeoutError": 408,
    "InternalServerError": 500,
    "ServiceUnavailableError": 503,
    "DeadlineExceededError": 504,
    "OverloadedError": 529,
}

#: Rows that class names stand for, where no code was sent.
ROWS: Mapping[str, str] = {
    "ContextWindowExceededError": "E7",
    "BudgetExceededError": "E9",
    "ContentPolicyViolationError": "E11",
}

#: pydantic-ai's categories, where status, code and body are missing.
CATEGORIES: Mapping[str, str] = {
    "ModelContextWindowExceededError": "E7",
    "ModelQuotaExceededError": "E9",
    "ModelOverloadedError": "E10",
    "ModelAuthenticationError": "E17",
    "ModelNotFoundError": "E19",
    "ModelRateLimitError": "E22",
    "ModelUnavailableError": "E24",
    "ModelServerError": "E25",
    "ModelRequestRejectedError": "E26",
}

BROKEN_TRANSPORT = frozenset(
    {
        "TimeoutException",
        "ConnectError",
        "ReadError",
        "WriteError",
        "NetworkError",
        "RemoteProtocolError",
        "ProxyError",
        "APIConnectionError",
        "EndpointConnectionError",
        "ConnectionClosedError",
        "ClientConnectorError",
        "ClientOSError",
        "ServerDisconnectedError",
        "ClientPayloadError",
        "ModelConnectionError",
        "ModelRequestTimeout",
        "SSLError",
    }
)
OWN_MISTAKES = frozenset({"LocalProtocolError", "InvalidURL", "UnsupportedProtocol", "TooManyRedirects"})
TLS_ENDED = frozenset({"SSLEOFError", "SSLZeroReturnError"})
TLS_OTHER = frozenset({"SSLSyscallError", "SSLWantReadError", "SSLWantWriteError"})
#: An answer came, and was no JSON; so were those whose name ends in ``ValidationError``.
UNREADABLE = frozenset({"JSONDecodeError", "ContentTypeError"})
