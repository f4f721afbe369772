"""Codes of providers, matched whole and without case; each list belongs to a row of ``evidence``."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

CodeList = dict[str, str]


def _codes(*names: str) -> CodeList:
    """The names by what they are looked up with."""
    return {name.lower(): name for name in names}


CONTEXT_OVERFLOW = _codes(
    "context_length_exceeded", "context_window_exceeded", "model_context_window_exceeded"
)
TOO_LARGE = _codes("request_too_large", "payload_too_large")
MONEY = _codes(
    "insufficient_quota",
    "insufficient_user_quota",
    "insufficient_balance",
    "insufficient_credits",
    "credit_balance_exhausted",
    "credit_balance_too_low",
    "organization_spend_limit_exceeded",
    "project_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "enforced_spend_limit_reached",
    "contract_spend_limit_reached",
    "spend_limit_exceeded",
    "billing_not_active",
    "billing_hard_limit_reached",
    "billing_error",
    "BILLING_DISABLED",
    "payment_required",
    "usage_not_included",
    "usage_limit_reached",
    "exceeded_current_quota_error",
    "quota_exhausted",
    "budget_exceeded",
    "Arrearage",
    "AccountOverdueError",
    "AllocationQuota.FreeTierOnly",
    "CreditsError",
    "MonthlyLimitError",
    "dailyLimitExceeded",
    "ServiceQuotaExceededException",
)
OVERLOADED = _codes(
    "overloaded",
    "overloaded_error",
    "server_overloaded",
    "server_is_overloaded",
    "engine_overloaded_error",
    "model_overloaded",
    "capacity_exceeded",
    "ModelNotReadyException",
)
REQUEST = _codes(
    "invalid_prompt",
    "invalid_function_parameters",
    "unsupported_parameter",
    "unknown_parameter",
    "missing_required_parameter",
    "content_filter",
    "content_policy_violation",
)
SERVER_BELOW_500 = _codes("server_error")
SERVER_WITHOUT_STATUS = _codes(
    "api_error",
    "internal_error",
    "internal_server_error",
    "INTERNAL",
    "InternalServerException",
    "ModelStreamErrorException",
)
UNAVAILABLE = _codes(
    "unavailable",
    "service_unavailable",
    "server_unavailable",
    "temporarily_unavailable",
    "service_unavailable_error",
    "ServiceUnavailableException",
    "deadline_exceeded",
    "ModelTimeoutException",
)
RATE_LIMIT = _codes(
    "rate_limit_exceeded",
    "too_many_requests",
    "rate_limited",
    "slow_down",
    "ramp_limit_exceeded",
    "rateLimitExceeded",
    "userRateLimitExceeded",
)
RATE_LIMIT_CLASS = _codes(
    "rate_limit_error",
    "rate_limit",
    "too_many_requests_error",
    "ThrottlingException",
    "TooManyRequestsException",
    "resource_exhausted",
)
KEY = _codes(
    "authentication_error",
    "invalid_authentication_error",
    "invalid_api_key",
    "API_KEY_INVALID",
    "keyInvalid",
    "UNAUTHENTICATED",
    "UnrecognizedClientException",
    "ExpiredTokenException",
    "InvalidSignatureException",
    "MissingAuthenticationTokenException",
)
CONFIG = _codes(
    "model_not_found",
    "invalid_model",
    "unsupported_model",
    "unknown_model",
    "DeploymentNotFound",
    "deployment_not_found",
    "SERVICE_DISABLED",
    "accessNotConfigured",
    "ResourceNotFoundException",
)
PERMISSION = _codes(
    "permission_denied", "permission_error", "access_denied", "AccessDeniedException", "forbidden"
)

#: Names of system errors, also as JavaScript gateways relay them.
TRANSPORT = _codes(
    "ECONNRESET",
    "ECONNREFUSED",
    "ECONNABORTED",
    "ETIMEDOUT",
    "EPIPE",
    "EHOSTUNREACH",
    "ENETUNREACH",
    "UND_ERR_SOCKET",
    "UND_ERR_CONNECT_TIMEOUT",
    "UND_ERR_HEADERS_TIMEOUT",
    "UND_ERR_BODY_TIMEOUT",
)
NOT_RESOLVED = _codes("ENOTFOUND")

#: Stands in the body of an answer about a free allowance; case counts.
FREE_USAGE_MARKER = "FreeUsageLimitError"

ZHIPU_PROVIDERS = frozenset({"zhipu", "zhipuai", "zai", "z.ai"})
ZHIPU_MONEY = _codes("1113", "1304", "1308", "1309", "1310")
#: ``base_resp.status_code`` of MiniMax.
MINIMAX_MONEY = frozenset({1008, 2056})
MINIMAX_RATE_LIMIT = frozenset({1002})

#: Where ``insufficient_quota`` on a 429 is a limit per minute.
MINUTE_QUOTA_PROVIDERS = frozenset({"alibaba", "dashscope", "scaleway"})


def found(codes: CodeList, sent: Mapping[str, str]) -> str:
    """The first of ``sent`` that is in the list, as the list spells it; or ``""``."""
    for code in sent:
        if code in codes:
            return codes[code]
    return ""
