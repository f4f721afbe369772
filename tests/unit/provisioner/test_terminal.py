"""The rules of terminal failures, one test or row each."""

import asyncio
import pickle

import pytest

from provisioner.terminal import (
    FailureDetail,
    FailureReason,
    StatusCode,
    StatusError,
    TerminalError,
    code_for_http,
    failure_detail,
    from_wire,
    is_terminal,
    received_error,
    status_code,
    terminal_error,
    wire_form,
)

LOCKED = FailureReason.USER_NOT_PROVISIONABLE


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text")

    __repr__ = __str__


def chained(error: BaseException, cause: BaseException) -> BaseException:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("number", "name", "code"),
    [
        (1, "USER_NOT_PROVISIONABLE", StatusCode.FAILED_PRECONDITION),
        (2, "TARGET_MANAGED_EXTERNALLY", StatusCode.FAILED_PRECONDITION),
        (3, "LICENSE_EXHAUSTED", StatusCode.FAILED_PRECONDITION),
        (4, "VALIDATION_FAILURE", StatusCode.FAILED_PRECONDITION),
        (5, "OPERATION_NOT_PERMITTED", StatusCode.PERMISSION_DENIED),
    ],
)
def test_reasons_keep_their_numbers_and_codes(number: int, name: str, code: StatusCode) -> None:
    error = terminal_error(FailureReason(number), "x")

    assert failure_detail(error) == FailureDetail(reason=FailureReason[name], reason_name=name, detail="x")
    assert status_code(error) is code
    assert error.code is code
    assert not error.retryable


def test_a_reason_of_a_newer_peer_reads_as_final() -> None:
    error = received_error(FailureDetail(reason=FailureReason(17), detail="x"))

    assert error.code is StatusCode.FAILED_PRECONDITION
    assert is_terminal(error)


@pytest.mark.parametrize(
    "code",
    [
        StatusCode.UNKNOWN,
        StatusCode.UNAVAILABLE,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.RESOURCE_EXHAUSTED,
        StatusCode.ABORTED,
        StatusCode.INTERNAL,
        StatusCode.DATA_LOSS,
    ],
)
def test_codes_that_say_try_again(code: StatusCode) -> None:
    assert StatusError(code, "x").retryable


@pytest.mark.parametrize(
    "code",
    [
        StatusCode.INVALID_ARGUMENT,
        StatusCode.NOT_FOUND,
        StatusCode.ALREADY_EXISTS,
        StatusCode.PERMISSION_DENIED,
        StatusCode.UNAUTHENTICATED,
        StatusCode.FAILED_PRECONDITION,
        StatusCode.OUT_OF_RANGE,
        StatusCode.UNIMPLEMENTED,
        StatusCode.CANCELLED,
    ],
)
def test_codes_that_are_final_are_not_terminal_by_themselves(code: StatusCode) -> None:
    error = StatusError(code, "x")

    assert not error.retryable
    assert not is_terminal(error)
    assert status_code(error) is code


@pytest.mark.parametrize(
    "reason",
    [FailureReason.UNSPECIFIED, FailureReason.UNRECOGNIZED, FailureReason(6), 1, "X", None, []],
)
def test_an_unusable_reason_is_refused_in_both_forms(reason: FailureReason) -> None:
    with pytest.raises(ValueError, match="not a reason"):
        TerminalError(reason, "x")
    with pytest.raises(ValueError, match="not a reason"):
        terminal_error(reason, "x %s", 1)


@pytest.mark.parametrize("text", ["50% full", "%d of %d", "100%%", "", "%(name)s"])
def test_a_message_without_arguments_is_used_verbatim(text: str) -> None:
    assert str(terminal_error(LOCKED, text)) == text


@pytest.mark.parametrize(
    ("message", "args", "expected"),
    [
        ("worker %s is %s", ("W17", "on leave"), "worker W17 is on leave"),
        ("%(code)s: %(n)d", ({"code": "HR-412", "n": 3},), "HR-412: 3"),
        ("%s", ("%d %s",), "%d %s"),
        ("%d of %s", ("x", 2), "%d of %s [x, 2]"),
        ("no place", ("a", "b"), "no place [a, b]"),
        ("%s %s", ("one",), "%s %s [one]"),
        ("%(missing)s", ({"code": 1},), "%(missing)s [{'code': 1}]"),
        ("100%", ("a",), "100% [a]"),
        ("%s", (b"caf\xc3\xa9 \xff",), "café \ufffd"),
        ("%s", ("a\x00b\ud800c",), "a\ufffdb\ufffdc"),
        ("%s!", (Unprintable(),), "<unprintable Unprintable>!"),
        ("%d", (Unprintable(),), "%d [<unprintable Unprintable>]"),
    ],
)
def test_formatting_never_fails(message: str, args: tuple[object, ...], expected: str) -> None:
    assert str(terminal_error(LOCKED, message, *args)) == expected


@pytest.mark.parametrize(
    ("detail", "expected"),
    [
        (b"\xff", "\ufffd"),
        ("a\udfffb", "a\ufffdb"),
        (Unprintable(), "<unprintable Unprintable>"),
        ("", ""),
        ("x" * 200_000, "x" * 200_000),
    ],
)
def test_the_plain_form_makes_any_detail_storable(detail: str, expected: str) -> None:
    error = TerminalError(LOCKED, detail)
    found = failure_detail(error)

    assert str(error) == expected
    assert found is not None
    assert found.detail == expected


def test_wrapping_changes_the_outer_text_and_keeps_the_detail() -> None:
    wrapped = chained(RuntimeError("apply failed"), terminal_error(LOCKED, "locked"))
    found = failure_detail(wrapped)

    assert found is not None
    assert found.detail == "locked"
    assert status_code(wrapped) is StatusCode.FAILED_PRECONDITION


def test_the_context_is_read_unless_suppressed() -> None:
    shown, hidden = RuntimeError("shown"), RuntimeError("hidden")
    shown.__context__ = hidden.__context__ = terminal_error(LOCKED, "locked")
    hidden.__suppress_context__ = True

    assert is_terminal(shown)
    assert not is_terminal(hidden)


def test_a_retryable_status_in_front_hides_nothing() -> None:
    group = ExceptionGroup(
        "both", [StatusError(StatusCode.UNAVAILABLE, "later"), terminal_error(LOCKED, "locked")]
    )

    assert is_terminal(group)
    assert status_code(group) is StatusCode.FAILED_PRECONDITION


def test_the_walk_is_depth_first_in_the_order_of_the_members() -> None:
    first = chained(RuntimeError("outer"), terminal_error(LOCKED, "deep in the first"))
    group = BaseExceptionGroup("g", [first, terminal_error(LOCKED, "the second")])
    group.__cause__ = terminal_error(LOCKED, "the cause")
    found = failure_detail(group)

    assert found is not None
    assert found.detail == "deep in the first"


def test_a_cycle_of_causes_ends() -> None:
    one, two = RuntimeError("one"), RuntimeError("two")
    one.__cause__, two.__cause__ = two, one

    assert failure_detail(one) is None
    assert status_code(one) is StatusCode.UNKNOWN


def test_a_chain_deeper_than_the_stack_is_walked() -> None:
    error: BaseException = terminal_error(LOCKED, "deep")
    for _ in range(5000):
        error = chained(RuntimeError("level"), error)

    assert is_terminal(error)


def test_the_first_detail_of_a_node_counts_and_other_entries_are_skipped() -> None:
    details = ["text", {"reason": 1}, FailureDetail(reason=LOCKED, detail="this")]
    error = StatusError(StatusCode.UNAVAILABLE, "x", details)

    assert failure_detail(error) == details[2]
    assert is_terminal(error)
    assert status_code(error) is StatusCode.UNAVAILABLE


def test_a_decoded_unspecified_detail_is_terminal() -> None:
    found = FailureDetail(reason=FailureReason.UNSPECIFIED, detail="x")

    assert is_terminal(received_error(found))


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (None, StatusCode.OK),
        (RuntimeError(), StatusCode.UNKNOWN),
        (asyncio.CancelledError(), StatusCode.CANCELLED),
        (TimeoutError(), StatusCode.DEADLINE_EXCEEDED),
        (chained(TimeoutError(), asyncio.CancelledError()), StatusCode.DEADLINE_EXCEEDED),
        (chained(RuntimeError(), TimeoutError()), StatusCode.DEADLINE_EXCEEDED),
        (chained(TimeoutError(), StatusError(StatusCode.ABORTED, "x")), StatusCode.ABORTED),
    ],
)
def test_the_code_of_errors_without_a_detail(error: BaseException | None, code: StatusCode) -> None:
    assert status_code(error) is code
    assert failure_detail(error) is None
    assert not is_terminal(error)


@pytest.mark.parametrize(
    ("reason", "expected", "written"),
    [
        ("LICENSE_EXHAUSTED", FailureReason.LICENSE_EXHAUSTED, "LICENSE_EXHAUSTED"),
        (3, FailureReason.LICENSE_EXHAUSTED, "LICENSE_EXHAUSTED"),
        ("3", FailureReason.LICENSE_EXHAUSTED, "LICENSE_EXHAUSTED"),
        ("REASON_3", FailureReason.LICENSE_EXHAUSTED, "LICENSE_EXHAUSTED"),
        ("REASON_41", FailureReason(41), "REASON_41"),
        (41, FailureReason(41), "REASON_41"),
        ("MOON_PHASE", FailureReason.UNRECOGNIZED, "MOON_PHASE"),
        ("-5", FailureReason.UNRECOGNIZED, "-5"),
        ("9" * 5000, FailureReason.UNRECOGNIZED, "9" * 5000),
        ("٣", FailureReason.UNRECOGNIZED, "٣"),
        (None, FailureReason.UNSPECIFIED, "UNSPECIFIED"),
        ("", FailureReason.UNSPECIFIED, "UNSPECIFIED"),
    ],
)
def test_reading_the_wire_form_and_writing_it_on(
    reason: object, expected: FailureReason, written: str
) -> None:
    found = from_wire(reason, "detail")

    assert found is not None
    assert found.reason == expected
    assert wire_form(found) == {"failure_reason": written, "failure_detail": "detail"}
    assert from_wire(*wire_form(found).values()) == found


def test_no_pair_is_no_detail() -> None:
    assert from_wire(None, None) is None


def test_a_rebuilt_error_answers_as_the_first_one_did() -> None:
    error = terminal_error(FailureReason.OPERATION_NOT_PERMITTED, "no")
    found = failure_detail(error)
    assert found is not None

    rebuilt = received_error(found)

    assert failure_detail(rebuilt) == found
    assert status_code(rebuilt) is status_code(error)


@pytest.mark.parametrize(
    "error",
    [
        terminal_error(LOCKED, "locked"),
        received_error(FailureDetail(reason=FailureReason(41), detail="new")),
    ],
    ids=str,
)
def test_the_detail_survives_pickling(error: TerminalError) -> None:
    # Errors travel between processes of a pool this way.
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes

    assert failure_detail(copy) == failure_detail(error)
    assert str(copy) == str(error)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "INVALID_ARGUMENT"),
        (402, "INVALID_ARGUMENT"),
        (418, "INVALID_ARGUMENT"),
        (422, "INVALID_ARGUMENT"),
        (451, "INVALID_ARGUMENT"),
        (401, "UNAUTHENTICATED"),
        (403, "PERMISSION_DENIED"),
        (404, "NOT_FOUND"),
        (408, "DEADLINE_EXCEEDED"),
        (409, "ALREADY_EXISTS"),
        (429, "UNAVAILABLE"),
        (500, "UNAVAILABLE"),
        (503, "UNAVAILABLE"),
        (599, "UNAVAILABLE"),
        (501, "UNIMPLEMENTED"),
        (200, "UNKNOWN"),
        (302, "UNKNOWN"),
        (600, "UNKNOWN"),
    ],
)
def test_http_status_to_code(status: int, code: str) -> None:
    assert code_for_http(status) == code
