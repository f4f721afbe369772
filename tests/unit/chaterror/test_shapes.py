"""Facts of exceptions by shape, and the traps in them."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest

from chattool.chaterror import classify
from tests.unit.chaterror.shapes import Response, answered, coded, raised, row


class Hostile(Exception):
    """Raises whatever is asked of it."""

    def __getattr__(self, name: str) -> object:
        raise RuntimeError(name)

    def __str__(self) -> str:
        raise ValueError


class Unread(Exception):
    """Its response was not read, as those of streams."""

    class response:  # noqa: N801 - an attribute, not a class of its own
        status_code = 429

        @property
        def text(self) -> str:
            raise RuntimeError("unread")


# What botocore hangs on its exceptions.
BOTOCORE = {
    "Error": {"Code": "ThrottlingException", "Message": "slow down"},
    "ResponseMetadata": {"HTTPStatusCode": 400, "HTTPHeaders": {"retry-after": "3"}},
}


@pytest.mark.parametrize(
    "attributes",
    [
        {"status_code": 429},
        {"status": 429},
        {"code": 429},
        {"http_status": 429},
        {"response": Response(429)},
        {"response": SimpleNamespace(status=429)},
        {"raw_response": Response(429)},
        {"response": {"ResponseMetadata": {"HTTPStatusCode": 429}}},
    ],
    ids=str,
)
def test_a_status_is_found_in(attributes: dict[str, object]) -> None:
    assert classify(raised("SomeError", "m", **attributes)).status_code == 429


def test_the_first_hit_wins() -> None:
    assert classify(raised("SomeError", "m", status_code=429, code=500)).status_code == 429


@pytest.mark.parametrize("value", [200, 204, 302, 399, 600, "429", True, None, 429.0])
def test_what_is_no_error_status_is_passed_over(value: object) -> None:
    assert classify(raised("SomeError", "m", status_code=value, http_status=503)).status_code == 503


def test_the_200_of_an_opened_stream_is_no_evidence_beside_googles_code() -> None:
    error = raised("ServerError", "m", code=503, status="UNAVAILABLE", response=Response(200))
    assert classify(error).status_code == 503


@pytest.mark.parametrize(
    "attributes",
    [
        {"headers": {"Retry-After": "3"}},
        {"response": Response(0, {"RETRY-AFTER": "3"})},
        {"raw_response": Response(0, {"retry-after": "3"})},
        {"litellm_response_headers": {"retry-after": "3"}, "response": Response(0, {})},
        {"response": {"ResponseMetadata": {"HTTPHeaders": {"retry-after": "3"}}}},
        {"headers": {b"retry-after": b"3"}},
    ],
    ids=str,
)
def test_headers_are_found_in(attributes: dict[str, object]) -> None:
    assert classify(raised("SomeError", "m", status_code=429, **attributes)).retry_after.total_seconds() == 3


BODY = coded("insufficient_quota")


@pytest.mark.parametrize(
    "attributes",
    [
        {"body": BODY},
        {"body": BODY["error"]},
        {"body": json.dumps(BODY)},
        {"body": json.dumps(BODY).encode()},
        {"body": "\ufeff" + json.dumps(BODY)},
        {"details": BODY},
        {"details": json.dumps(BODY)},
        {"response": {"Error": {"Code": "insufficient_quota", "Message": "m"}}},
        {"response": Response(text=json.dumps(BODY))},
        {"body": "HTTP/1.1 429 Too Many Requests\r\ncontent-type: x\r\n\r\n" + json.dumps(BODY)},
    ],
    ids=str,
)
def test_a_body_is_found_in(attributes: dict[str, object]) -> None:
    assert row(raised("SomeError", "m", **attributes)) == "E9"


@pytest.mark.parametrize(
    "text",
    [
        json.dumps(BODY),
        f"AnthropicException - {json.dumps(BODY)} and more",
        f"{{not json}} {json.dumps({'a': 1})} {json.dumps(BODY)}",
    ],
)
def test_a_body_is_found_in_the_text(text: str) -> None:
    assert row(RuntimeError(text)) == "E9"


def test_a_text_that_is_a_json_number_is_a_text() -> None:
    assert row(RuntimeError("429")) == "E22"


def test_details_that_are_neither_a_mapping_nor_json_are_no_body() -> None:
    assert classify(raised("RpcError", "m", details=lambda: "x")).evidence == "E27"
    assert classify(raised("RpcError", "m", details="insufficient_balance")).evidence == "E27"


def test_the_dump_of_an_answer_tells_its_status_and_headers() -> None:
    found = classify(answered(0, "HTTP/1.1 429 Slow\nRetry-After: 3\n\n{}"))
    assert (found.status_code, found.retry_after.total_seconds()) == (429, 3)


def test_properties_that_raise_are_absent() -> None:
    assert classify(Hostile()).is_empty
    assert row(Unread("m")) == "E22"


def test_the_text_of_an_unread_requests_response_is_not_fetched() -> None:
    class Unfetched:
        status_code = 503
        _content_consumed = False

        @property
        def text(self) -> str:
            pytest.fail("fetched")

    assert row(raised("HTTPError", "m", response=Unfetched())) == "E24"


def test_botocore_keeps_everything_under_response() -> None:
    found = classify(raised("ClientError", "m", response=BOTOCORE))
    assert (found.kind, found.code, found.status_code, found.detail) == (
        "rate_limit",
        "ThrottlingException",
        400,
        "slow down",
    )
    assert found.retry_after.total_seconds() == 3


def test_botocores_in_stream_errors_begin_with_a_small_letter_and_have_no_status() -> None:
    error = raised(
        "EventStreamError", "m", response={"Error": {"Code": "throttlingException", "Message": "m"}}
    )
    assert classify(error).evidence == "E16:ThrottlingException"


def test_an_error_of_mistral_inside_a_validation_error_is_found() -> None:
    body = json.dumps({"data": {"object": "error", "type": "rate_limit_error", "message": "slow"}})
    error = raised("ResponseValidationError", f"invalid: {body}", body=body, status_code=200)
    assert classify(error).evidence == "E16:rate_limit_error"


@pytest.mark.parametrize("status", [500, 401])
def test_a_transport_error_below_an_error_without_a_body_makes_it_transport(status: int) -> None:
    wrapper = raised("APIConnectionErrorOfAWrapper", "m", status_code=status)
    wrapper.__cause__ = raised("ReadError", "m")
    assert row(wrapper) == "E5"


def test_where_no_answer_arrived_no_status_is_shown() -> None:
    wrapper = raised("InternalServerError", "m", status_code=500)
    wrapper.__cause__ = raised("ReadError", "m")
    assert classify(wrapper).status_code == 0


def test_a_transport_error_below_an_error_with_a_body_is_passed_over() -> None:
    wrapper = raised("SomeError", "m", status_code=500, body={"error": {"message": "m"}})
    wrapper.__cause__ = raised("ReadError", "m")
    assert row(wrapper) == "E25"


@pytest.mark.parametrize("flag", ["retryable", "is_retryable"])
def test_the_own_flag_is_heard_on_409(flag: str) -> None:
    assert classify(raised("SomeError", "m", status_code=409, **{flag: False})).retryable is False


def test_a_flag_that_is_no_bool_is_no_flag() -> None:
    assert classify(raised("SomeError", "m", status_code=409, retryable=0)).retryable is True


def test_frozen_exceptions_can_carry_a_classification() -> None:
    from dataclasses import dataclass  # noqa: PLC0415 - only here

    from chattool.chaterror import ClassifiedError, with_classification  # noqa: PLC0415

    @dataclass(frozen=True)
    class Frozen(Exception):
        reason: str

    error = with_classification(Frozen("r"), ClassifiedError(kind="auth"))
    assert classify(error).kind == "auth"
