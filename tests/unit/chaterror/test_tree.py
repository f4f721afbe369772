"""The tree of an exception: which nodes count for what."""

from __future__ import annotations

import asyncio
import concurrent.futures

import pytest

from chattool.chaterror import ClassifiedError, classify, with_classification
from tests.unit.chaterror.shapes import answered, coded, raised, row


def _from(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


def _during(error: BaseException, context: BaseException, *, suppressed: bool = False) -> BaseException:
    error.__context__ = context
    error.__suppress_context__ = suppressed
    return error


KNOWN = ClassifiedError(kind="overloaded", retryable=True, message="m", evidence="E1:host")


# Attached classifications


def test_a_classification_is_found_below_wrappers_and_in_groups() -> None:
    inner = with_classification(RuntimeError("a"), KNOWN)
    assert classify(_from(RuntimeError("b"), inner)) == KNOWN
    assert classify(ExceptionGroup("g", [RuntimeError("a"), inner])) == KNOWN


def test_a_classification_in_an_implicit_context_does_not_count() -> None:
    inner = with_classification(RuntimeError("a"), KNOWN)
    assert row(_during(RuntimeError("b"), inner)) == "E27"


def test_the_outermost_classification_wins() -> None:
    inner = with_classification(RuntimeError("a"), KNOWN)
    outer = with_classification(_from(RuntimeError("b"), inner), ClassifiedError(kind="auth"))
    assert classify(outer).kind == "auth"


def test_a_second_classification_replaces_the_first() -> None:
    error = with_classification(RuntimeError("a"), KNOWN)
    assert classify(with_classification(error, ClassifiedError(kind="auth"))).kind == "auth"


def test_attaching_answers_the_same_object_with_type_text_and_chain() -> None:
    cause = ValueError("c")
    error = _from(RuntimeError("a"), cause)
    answer = with_classification(error, KNOWN)
    assert answer is error
    assert (str(answer), answer.__cause__) == ("a", cause)


def test_attaching_to_none_answers_none() -> None:
    assert with_classification(None, KNOWN) is None


def test_what_is_attached_is_normalised() -> None:
    error = with_classification(RuntimeError("a"), ClassifiedError(kind=" auth ", provider="Azure OpenAI"))
    found = classify(error)
    assert (found.kind, found.provider) == ("auth", "azure")
    assert found.message.startswith("Authentication with Azure OpenAI failed.")


def test_a_foreign_kind_passes_through_unchanged() -> None:
    foreign = ClassifiedError(kind="solar_flare", retryable=True)
    found = classify(with_classification(RuntimeError("a"), foreign))
    assert (found.kind, found.retryable) == ("solar_flare", True)
    assert found.message == "The AI provider returned an unexpected error."


# Structure


def test_the_first_node_with_a_body_leads() -> None:
    wrapper = raised("APIError", "w", status_code=500)
    assert row(_from(wrapper, answered(402, coded("insufficient_quota")))) == "E9"


def test_without_a_body_the_first_node_with_a_status_leads() -> None:
    assert classify(_from(answered(503), answered(401))).status_code == 503


def test_a_wrapper_that_lost_its_headers_is_completed_by_its_cause() -> None:
    found = classify(_from(answered(429, coded("slow_down")), answered(429, headers={"retry-after": "7"})))
    assert found.retry_after.total_seconds() == 7


def test_a_status_invented_by_a_wrapper_loses_to_the_body() -> None:
    wrapper = raised("InternalServerError", "w", status_code=500)
    cause = answered(0, {"error": {"code": 429, "message": "m"}})
    assert classify(_from(wrapper, cause)).status_code == 429


def test_an_original_exception_is_part_of_the_chain() -> None:
    wrapper = raised("MidStreamFallbackError", "w", original_exception=answered(0, coded("overloaded_error")))
    assert row(wrapper) == "E10"


def test_siblings_of_a_group_are_never_mixed() -> None:
    group = ExceptionGroup("g", [answered(503), answered(429, headers={"retry-after": "9"})])
    found = classify(group)
    assert (found.status_code, found.retry_after.total_seconds()) == (503, 0)


def test_the_first_member_with_structure_decides() -> None:
    assert classify(ExceptionGroup("g", [RuntimeError("a"), answered(401)])).status_code == 401


def test_an_implicit_context_completes_structure_unless_suppressed() -> None:
    assert classify(_during(RuntimeError("a"), answered(401))).status_code == 401
    assert classify(_during(RuntimeError("a"), answered(401), suppressed=True)).status_code == 0


def test_a_cause_hides_the_context() -> None:
    error = _during(_from(RuntimeError("a"), RuntimeError("b")), answered(401))
    assert classify(error).status_code == 0


# Text


def test_causes_are_joined_by_a_colon_and_members_by_a_newline() -> None:
    group = BaseExceptionGroup(
        "several", [RuntimeError("one"), _from(RuntimeError("two"), RuntimeError("three"))]
    )
    assert classify(group).detail == "several (2 sub-exceptions) one two: three"


def test_a_text_that_is_contained_already_is_skipped() -> None:
    assert classify(_from(RuntimeError("failed: odd"), RuntimeError("odd"))).detail == "failed: odd"


def test_the_text_of_an_implicit_context_does_not_count() -> None:
    assert row(_during(RuntimeError("a"), RuntimeError("too many requests"))) == "E27"


# Typed signals


@pytest.mark.parametrize(
    "error",
    [
        asyncio.CancelledError(),
        concurrent.futures.CancelledError(),
        raised("RunCancelled"),
        KeyboardInterrupt(),
        SystemExit(1),
        GeneratorExit(),
    ],
    ids=lambda error: type(error).__name__,
)
def test_a_typed_cancellation_is_a_cancellation_also_below_a_wrapper(error: BaseException) -> None:
    assert classify(error).kind == "canceled"
    assert classify(_from(RuntimeError("w"), error)).kind == "canceled"


def test_a_cancellation_in_an_implicit_context_does_not_count() -> None:
    assert row(_during(RuntimeError("odd"), asyncio.CancelledError())) == "E27"


@pytest.mark.parametrize("name", ["APITimeoutError", "ReadTimeout", "ConnectError"])
def test_what_lies_below_a_time_out_or_a_transport_error_is_neither_cancel_nor_deadline(name: str) -> None:
    below = _from(TimeoutError(), asyncio.CancelledError())
    assert classify(_from(raised(name, "m"), below)).evidence == f"E5:{name}"


def test_the_cancellation_below_a_deadline_is_no_cancellation() -> None:
    assert classify(_from(TimeoutError(), asyncio.CancelledError())).evidence == "E24:deadline"


async def test_the_deadline_of_asyncio_timeout_is_the_callers_own() -> None:
    with pytest.raises(TimeoutError) as caught:
        async with asyncio.timeout(0):
            await asyncio.Event().wait()
    found = classify(caught.value)
    assert (found.kind, found.retryable) == ("timeout", False)
    assert found.message == "The request timed out before it completed."


def test_a_run_that_timed_out_is_a_deadline() -> None:
    assert classify(raised("RunTimedOut")).evidence == "E24:deadline"


def test_a_time_out_with_text_or_errno_is_one_of_the_transport() -> None:
    assert classify(TimeoutError("read timed out")).retryable
    assert classify(TimeoutError(110, "Connection timed out")).code == "ETIMEDOUT"
    assert classify(type("SocketTimeout", (TimeoutError,), {})()).retryable


def test_any_class_that_speaks_of_an_exceeded_context_deadline_is_a_deadline() -> None:
    assert classify(raised("APITimeoutError", "context deadline exceeded")).evidence == "E24:deadline"


# Limits


def test_a_cycle_ends() -> None:
    first, second = RuntimeError("a"), RuntimeError("b")
    first.__cause__, second.__cause__ = second, first
    assert classify(first).detail == "a: b"


def test_at_most_sixteen_nodes_are_looked_at() -> None:
    error: BaseException = answered(401)
    for number in range(16):
        error = _from(RuntimeError(f"text {number}"), error)
    assert classify(error).status_code == 0


def test_none_and_blank_exceptions_are_the_empty_classification() -> None:
    assert classify(None) == ClassifiedError()
    assert classify(Exception()).is_empty
    assert classify(RuntimeError("  ")).is_empty


def test_a_recognised_class_needs_no_text() -> None:
    assert classify(raised("ReadTimeout")).kind == "timeout"


def test_the_empty_classification_stays_empty_under_a_hint() -> None:
    assert classify(None, provider="openai").is_empty
    assert classify(Exception(), provider="openai").is_empty
