"""Every code of every list, and where codes are found."""

from __future__ import annotations

import pytest

from chattool.chaterror import classify
from tests.unit.chaterror.shapes import Response, answered, coded, raised, row, said

# A status that decides nothing by itself.
NEUTRAL = 418

MONEY = """insufficient_quota insufficient_user_quota insufficient_balance insufficient_credits
credit_balance_exhausted credit_balance_too_low organization_spend_limit_exceeded
project_spend_limit_exceeded organization_usage_limit_exceeded enforced_spend_limit_reached
contract_spend_limit_reached spend_limit_exceeded billing_not_active billing_hard_limit_reached
billing_error BILLING_DISABLED payment_required usage_not_included usage_limit_reached
exceeded_current_quota_error quota_exhausted budget_exceeded Arrearage AccountOverdueError
AllocationQuota.FreeTierOnly CreditsError MonthlyLimitError dailyLimitExceeded
ServiceQuotaExceededException"""
LISTS = {
    "E7": "context_length_exceeded context_window_exceeded model_context_window_exceeded",
    "E8": "request_too_large payload_too_large",
    "E9": MONEY,
    "E10": """overloaded overloaded_error server_overloaded server_is_overloaded engine_overloaded_error
        model_overloaded capacity_exceeded ModelNotReadyException""",
    "E11": """invalid_prompt invalid_function_parameters unsupported_parameter unknown_parameter
        missing_required_parameter content_filter content_policy_violation""",
    "E14": """rate_limit_exceeded too_many_requests rate_limited slow_down ramp_limit_exceeded
        rateLimitExceeded userRateLimitExceeded""",
    "E16": """rate_limit_error rate_limit too_many_requests_error ThrottlingException TooManyRequestsException
        resource_exhausted""",
    "E17": """authentication_error invalid_authentication_error invalid_api_key API_KEY_INVALID keyInvalid
        UNAUTHENTICATED UnrecognizedClientException ExpiredTokenException InvalidSignatureException
        MissingAuthenticationTokenException""",
    "E19": """model_not_found invalid_model unsupported_model unknown_model DeploymentNotFound
        deployment_not_found SERVICE_DISABLED accessNotConfigured ResourceNotFoundException""",
    "E21": "permission_denied permission_error access_denied AccessDeniedException forbidden",
}
LISTED = [(number, code) for number, codes in LISTS.items() for code in codes.split()]
WITHOUT_STATUS = [
    *("api_error", "internal_error", "internal_server_error", "INTERNAL", "InternalServerException"),
    "ModelStreamErrorException",
]
UNAVAILABLE = [
    *("unavailable", "service_unavailable", "server_unavailable", "temporarily_unavailable"),
    *("service_unavailable_error", "ServiceUnavailableException", "deadline_exceeded"),
    "ModelTimeoutException",
]


@pytest.mark.parametrize(("number", "code"), LISTED, ids=[f"{code} is {number}" for number, code in LISTED])
def test_a_listed_code_decides(number: str, code: str) -> None:
    assert classify(answered(NEUTRAL, coded(code))).evidence == f"{number}:{code}"


@pytest.mark.parametrize(("number", "code"), LISTED, ids=[code for _, code in LISTED])
def test_codes_are_compared_without_case(number: str, code: str) -> None:
    assert row(answered(NEUTRAL, coded(code.swapcase()))) == number


@pytest.mark.parametrize(("number", "code"), LISTED, ids=[code for _, code in LISTED])
def test_codes_are_compared_whole(number: str, code: str) -> None:
    # The letters in the middle keep it from being one of the phrases, which are looked for in all strings.
    other = f"{code[:3]}x{code[3:]}_in_region"
    assert row(answered(NEUTRAL, {"error": {"type": other, "message": "m"}})) == "E27"


@pytest.mark.parametrize("code", WITHOUT_STATUS)
def test_a_server_code_decides_only_without_a_status(code: str) -> None:
    assert row(answered(0, coded(code))) == "E12"
    assert row(answered(NEUTRAL, coded(code))) == "E27"
    assert row(answered(500, coded(code))) == "E25"


@pytest.mark.parametrize("code", UNAVAILABLE)
@pytest.mark.parametrize("status", [0, 408, 429, 500])
def test_an_unavailability_code_decides_beside_a_status_that_allows_it(code: str, status: int) -> None:
    assert row(answered(status, coded(code))) == "E12"


@pytest.mark.parametrize("code", UNAVAILABLE)
def test_an_unavailability_code_does_not_decide_beside_another_client_error(code: str) -> None:
    assert row(answered(NEUTRAL, coded(code))) == "E27"


@pytest.mark.parametrize(
    "code", ["feature_unavailable_in_region", "disk_exhausted", "not_overloaded_at_all", "quota_information"]
)
def test_an_unlisted_code_that_contains_a_telling_word_means_nothing(code: str) -> None:
    assert classify(answered(0, coded(code))).evidence == "E27"


# Conditions of E9


@pytest.mark.parametrize("provider", ["alibaba", "dashscope", "scaleway"])
def test_insufficient_quota_is_a_rate_limit_where_quotas_are_per_minute(provider: str) -> None:
    error = answered(429, coded("insufficient_quota", "insufficient_quota"), provider=provider)
    assert row(error) == "E22"


@pytest.mark.parametrize("provider", ["alibaba", "dashscope", "scaleway"])
def test_insufficient_quota_is_money_there_with_another_status_or_another_money_code(provider: str) -> None:
    assert row(answered(403, coded("insufficient_quota"), provider=provider)) == "E9"
    both = {"error": {"code": "insufficient_quota", "type": "Arrearage", "message": "m"}}
    assert classify(answered(429, both, provider=provider)).evidence == "E9:Arrearage"


def test_quota_exceeded_is_money_with_402() -> None:
    assert row(answered(402, coded("quota_exceeded"))) == "E9"


@pytest.mark.parametrize("window", ["day", "daily", "week", "monthly"])
def test_quota_exceeded_is_money_with_429_and_a_long_window(window: str) -> None:
    assert row(answered(429, coded("quota_exceeded", f"your {window} volume"))) == "E9"


def test_quota_exceeded_with_429_alone_is_a_rate_limit() -> None:
    assert row(answered(429, coded("quota_exceeded"))) == "E22"


def _google(**violation: object) -> dict[str, object]:
    details = [{"@type": "QuotaFailure", "violations": [violation]}]
    return {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message": "m", "details": details}}


def test_a_google_quota_per_day_is_spent() -> None:
    assert row(answered(429, _google(quotaId="RequestsPerDayPerProject"))) == "E9"


@pytest.mark.parametrize("value", ["0", 0])
def test_a_google_quota_of_zero_is_spent(value: object) -> None:
    assert row(answered(429, _google(quotaId="PerMinute", quotaValue=value))) == "E9"


def test_a_google_limit_of_zero_in_words_is_spent() -> None:
    body = {"error": {"status": "RESOURCE_EXHAUSTED", "message": "exceeded for metric m, limit: 0, model: x"}}
    assert row(answered(429, body)) == "E9"


def test_a_google_quota_per_minute_is_a_rate_limit() -> None:
    assert row(answered(429, _google(quotaId="RequestsPerMinute", quotaValue="10"))) == "E16"


def test_google_details_count_only_with_429() -> None:
    assert row(answered(400, _google(quotaId="RequestsPerDay"))) == "E16"


@pytest.mark.parametrize("code", ["1113", "1304", "1308", "1309", "1310"])
@pytest.mark.parametrize("provider", ["zhipu", "zhipuai", "zai", "z.ai"])
def test_the_numbers_of_zhipu_are_money_at_zhipu_only(code: str, provider: str) -> None:
    assert row(answered(429, coded(code), provider=provider)) == "E9"
    assert row(answered(429, coded(code))) == "E22"


@pytest.mark.parametrize("number", [1008, 2056])
def test_the_numbers_of_minimax_are_money(number: int) -> None:
    assert row(answered(0, {"base_resp": {"status_code": number, "status_msg": "m"}})) == "E9"


# Where codes are found


PLACES = {
    "error.code": {"error": {"code": "slow_down"}},
    "top-level code": {"code": "slow_down"},
    "error.type": {"error": {"type": "slow_down"}},
    "error.status": {"error": {"status": "slow_down"}},
    "top-level status": {"status": "slow_down"},
    "top-level type": {"type": "slow_down"},
    "error.details.error_code": {"error": {"details": {"error_code": "slow_down"}}},
    "error.details[].reason": {"error": {"details": [{}, {"reason": "slow_down"}]}},
    "error.errors[].reason": {"error": {"errors": [{"reason": "slow_down"}]}},
    "error.metadata.error_type": {"error": {"metadata": {"error_type": "slow_down"}}},
    "response.error": {"type": "response.failed", "response": {"error": {"code": "slow_down"}}},
    "data of an error object": {"data": {"object": "error", "type": "slow_down"}},
    "the first of errors": {"errors": [{"code": "slow_down"}]},
    "the body itself": {"code": "slow_down", "message": "m"},
    "a message that is an error body": {"message": '{"error": {"code": "slow_down"}}'},
    "an error body inside a message": {
        "error": {"message": 'upstream said {"error": {"code": "slow_down"}}'}
    },
    "AWS Code with a prefix and a suffix": {"Code": "com.amazon#slow_down:http://internal/"},
}


@pytest.mark.parametrize("body", PLACES.values(), ids=PLACES)
def test_a_code_is_found_in_the_body_at(body: dict[str, object]) -> None:
    assert row(answered(NEUTRAL, body)) == "E14"


@pytest.mark.parametrize(
    "name", ["provider_error_code", "provider_error_type", "error_code", "code", "type", "status"]
)
def test_a_code_is_found_in_the_attribute(name: str) -> None:
    assert row(raised("SomeError", "m", **{name: "slow_down"})) == "E14"


def test_a_code_is_found_in_the_header_of_aws() -> None:
    error = answered(NEUTRAL, headers={"X-Amzn-ErrorType": "ThrottlingException:http://internal/"})
    assert classify(error).evidence == "E16:ThrottlingException"


def test_a_code_is_found_in_a_text_without_any_other() -> None:
    assert classify(RuntimeError("failed: code=rate_limit_exceeded; message=m")).code == "rate_limit_exceeded"
    assert row(RuntimeError("failed: code=rate_limit_exceeded; message=m")) == "E14"


@pytest.mark.parametrize("value", [429, None, "", "  ", ["slow_down"], {"a": 1}, True])
def test_numbers_null_and_blanks_are_no_codes(value: object) -> None:
    assert classify(answered(NEUTRAL, {"error": {"code": value, "message": "m"}})).code == ""


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ({"error": {"code": "a", "type": "b", "status": "c"}, "code": "d", "status": "e"}, "a"),
        ({"error": {"type": "b", "status": "c"}, "code": "d", "status": "e"}, "d"),
        ({"error": {"type": "b", "status": "c"}, "status": "e"}, "b"),
        ({"error": {"status": "c"}, "status": "e"}, "c"),
        ({"error": {}, "status": "e"}, "e"),
    ],
)
def test_the_reported_code_is_the_first_of_the_order(body: dict[str, object], expected: str) -> None:
    assert classify(answered(NEUTRAL, body)).code == expected


def test_the_reported_code_of_a_stream_body_is_only_code_or_type() -> None:
    assert classify(answered(0, {"error": {"status": "UNKNOWN_TO_US", "message": "m"}})).code == ""
    assert classify(answered(0, {"error": {"status": "S", "type": "T", "message": "m"}})).code == "T"


def test_a_code_is_reported_as_sent_even_when_it_repeats_the_status() -> None:
    assert classify(answered(502, {"error": {"code": "502", "message": "m"}})).code == "502"


def test_an_array_yields_no_code_and_spoils_nothing_else() -> None:
    found = classify(answered(429, '[{"error": {"code": "insufficient_balance"}}]'))
    assert (found.code, found.evidence) == ("", "E22:429")


def test_an_error_given_as_a_string_yields_no_code_and_is_the_message() -> None:
    found = classify(answered(429, {"error": "slow down please"}))
    assert (found.code, found.detail) == ("", "slow down please")


# A number in a body that came without a status


@pytest.mark.parametrize("value", [503, "503"])
@pytest.mark.parametrize("name", ["code", "status", "status_code"])
def test_a_number_in_the_error_object_is_the_status(name: str, value: object) -> None:
    assert classify(answered(200, {"error": {name: value, "message": "m"}})).status_code == 503


@pytest.mark.parametrize("name", ["code", "status", "status_code"])
def test_a_number_at_the_top_is_the_status(name: str) -> None:
    assert classify(answered(0, {name: 503, "message": "m"})).status_code == 503


def test_of_several_numbers_that_of_the_error_object_wins() -> None:
    assert classify(answered(0, {"status": 400, "error": {"code": 503, "message": "m"}})).status_code == 503


def test_a_number_never_overrides_the_status_of_the_answer() -> None:
    assert classify(answered(400, {"error": {"code": 503, "message": "m"}})).status_code == 400


@pytest.mark.parametrize("value", [200, 399, 600, 1308, True, "5xx", "0503"])
def test_other_numbers_are_no_status(value: object) -> None:
    assert classify(answered(0, {"error": {"code": value, "message": "m"}})).status_code == 0


# Names of classes


STATUSES = {
    "RateLimitError": 429,
    "AuthenticationError": 401,
    "PermissionDeniedError": 403,
    "NotFoundError": 404,
    "BadRequestError": 400,
    "UnprocessableEntityError": 422,
    "ConflictError": 409,
    "ContentTooLargeError": 413,
    "PaymentRequiredError": 402,
    "InternalServerError": 500,
    "ServiceUnavailableError": 503,
    "DeadlineExceededError": 504,
    "OverloadedError": 529,
}


@pytest.mark.parametrize(("name", "status"), STATUSES.items(), ids=STATUSES)
def test_a_class_name_stands_for_a_missing_status(name: str, status: int) -> None:
    assert classify(raised(name, "m")).status_code == status


def test_the_class_of_a_request_timeout_without_an_answer_is_transport() -> None:
    assert classify(raised("RequestTimeoutError", "m")).evidence == "E5:RequestTimeoutError"
    assert classify(raised("RequestTimeoutError", "m", body=said("m"))).status_code == 408


def test_a_class_name_says_nothing_against_a_status_or_a_code() -> None:
    assert classify(raised("RateLimitError", "m", status_code=400)).status_code == 400
    assert row(raised("RateLimitError", "m", body=coded("invalid_api_key"))) == "E17"


def test_a_class_name_counts_in_subclasses() -> None:
    base = type("RateLimitError", (Exception,), {})
    assert row(type("OpenAIRateLimitError", (base,), {})("m")) == "E22"


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("ContextWindowExceededError", "E7"),
        ("BudgetExceededError", "E9"),
        ("ContentPolicyViolationError", "E11"),
    ],
)
def test_a_class_name_stands_for_a_row(name: str, number: str) -> None:
    assert row(raised(name, "m")) == number
    assert row(raised(name, "m", status_code=400)) == number
    assert row(raised(name, "m", body=coded("invalid_api_key"))) == "E17"


CATEGORIES = {
    "ModelRateLimitError": "rate_limit",
    "ModelQuotaExceededError": "quota_exhausted",
    "ModelOverloadedError": "overloaded",
    "ModelUnavailableError": "timeout",
    "ModelConnectionError": "timeout",
    "ModelTimeoutError": "timeout",
    "ModelRequestTimeout": "timeout",
    "ModelServerError": "generic",
    "ModelContextWindowExceededError": "context_overflow",
    "ModelAuthenticationError": "auth",
    "ModelNotFoundError": "config",
    "ModelRequestRejectedError": "invalid_request",
}


@pytest.mark.parametrize(("name", "kind"), CATEGORIES.items(), ids=CATEGORIES)
def test_a_category_of_pydantic_ai_decides_where_nothing_else_is_known(name: str, kind: str) -> None:
    assert classify(raised(name, "m")).kind == kind


def test_a_category_says_nothing_beside_a_status() -> None:
    assert row(raised("ModelAuthenticationError", "m", status_code=429)) == "E22"


def test_the_server_category_is_retried() -> None:
    assert classify(raised("ModelServerError", "m")).retryable


def test_headers_of_the_response_are_searched_as_well() -> None:
    error = raised("SomeError", "m", headers={}, response=Response(429, {"Retry-After": "3"}))
    assert classify(error).retry_after.total_seconds() == 3
