"""Refusals that will not heal: raised where they are known, read by everybody further up.

A provisioner that has *positively identified* a permanent refusal of its upstream raises
``terminal_error(reason, ...)``. Everything else stays an ordinary error, which may be tried again.
The reason is the authority; the status code is a coarse hint for callers that read nothing else.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from http import HTTPStatus

from provisioner.errors import ProvisionerError


class StatusCode(StrEnum):
    """The canonical status codes of gRPC."""

    OK = "OK"
    CANCELLED = "CANCELLED"
    UNKNOWN = "UNKNOWN"
    INVALID_ARGUMENT = "INVALID_ARGUMENT"
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED"
    NOT_FOUND = "NOT_FOUND"
    ALREADY_EXISTS = "ALREADY_EXISTS"
    PERMISSION_DENIED = "PERMISSION_DENIED"
    RESOURCE_EXHAUSTED = "RESOURCE_EXHAUSTED"
    FAILED_PRECONDITION = "FAILED_PRECONDITION"
    ABORTED = "ABORTED"
    OUT_OF_RANGE = "OUT_OF_RANGE"
    UNIMPLEMENTED = "UNIMPLEMENTED"
    INTERNAL = "INTERNAL"
    UNAVAILABLE = "UNAVAILABLE"
    DATA_LOSS = "DATA_LOSS"
    UNAUTHENTICATED = "UNAUTHENTICATED"

    @property
    def retryable(self) -> bool:
        """Whether a caller that knows only the code should try again later."""
        return self in _RETRYABLE_CODES


_RETRYABLE_CODES = frozenset(
    {
        StatusCode.UNKNOWN,
        StatusCode.UNAVAILABLE,
        StatusCode.DEADLINE_EXCEEDED,
        StatusCode.RESOURCE_EXHAUSTED,
        StatusCode.ABORTED,
        StatusCode.INTERNAL,
        StatusCode.DATA_LOSS,
    }
)

IN_PROCESS_RETRY_CODES = frozenset({StatusCode.UNAVAILABLE, StatusCode.DEADLINE_EXCEEDED})
"""The only codes that a provisioner itself repeats before the error leaves it."""


class FailureReason(IntEnum):
    """Why a refusal is permanent. The numbers are part of the contract.

    A number from a newer peer becomes a pseudo-member ``REASON_<n>``, so every switch on a reason
    needs a default branch that treats the failure as final.
    """

    UNRECOGNIZED = -1
    """A peer's name for a reason that we do not know."""
    UNSPECIFIED = 0
    USER_NOT_PROVISIONABLE = 1
    """The state of the user forbids it: suspended, inactive, locked."""
    TARGET_MANAGED_EXTERNALLY = 2
    """The target is governed by a rule elsewhere that we cannot override."""
    LICENSE_EXHAUSTED = 3
    """A number ran out upstream: seats, licences, vCPUs. Never our own quota."""
    VALIDATION_FAILURE = 4
    """Upstream says "not valid"."""
    OPERATION_NOT_PERMITTED = 5
    """Upstream says "not allowed"."""

    @classmethod
    def _missing_(cls, value: object) -> FailureReason | None:
        if not isinstance(value, int) or value < 0:
            return None
        member = int.__new__(cls, value)
        member._name_ = f"REASON_{value}"
        member._value_ = value
        return member


_USABLE_REASONS = frozenset(FailureReason) - {FailureReason.UNRECOGNIZED, FailureReason.UNSPECIFIED}


@dataclass(frozen=True, kw_only=True)
class FailureDetail:
    """A permanent refusal as data."""

    reason: FailureReason
    reason_name: str = ""
    """The reason as written by whoever found it, also when we do not know that name."""
    detail: str = ""

    def __post_init__(self) -> None:
        if not self.reason_name:
            object.__setattr__(self, "reason_name", self.reason.name)


class StatusError(ProvisionerError):
    """An ordinary error that carries a canonical status code; not terminal by itself."""

    code: StatusCode = StatusCode.UNKNOWN

    def __init__(self, code: StatusCode, message: str, details: Iterable[object] = ()) -> None:
        super().__init__(_text(message))
        self.code = StatusCode(code)
        self.retryable = self.code.retryable
        self.details = tuple(details)


class TerminalError(StatusError):
    """Upstream has refused for good; trying again is useless.

    Raises:
        ValueError: ``reason`` is not one that a refusal can have.
    """

    def __init__(self, reason: FailureReason, detail: str) -> None:
        # A bare number would pass for the member that it equals.
        if type(reason) is not FailureReason or reason not in _USABLE_REASONS:
            raise ValueError(f"not a reason for a terminal error: {reason!r}")
        found = FailureDetail(reason=reason, detail=_text(detail))
        super().__init__(_code_for_reason(reason), found.detail, (found,))


def terminal_error(reason: FailureReason, message: str, *args: object) -> TerminalError:
    """A ``TerminalError`` for the caller to raise; ``message % args`` as in logging.

    Formatting never fails, whatever the upstream's values are. The text ends up before users and
    agents, so it holds no secrets.

    Raises:
        ValueError: ``reason`` is not one that a refusal can have.
    """
    return TerminalError(reason, _formatted(message, args) if args else message)


def received_error(found: FailureDetail) -> TerminalError:
    """The error that a peer described; unlike ours it may have a reason that we do not know."""
    error = TerminalError.__new__(TerminalError)
    StatusError.__init__(error, _code_for_reason(found.reason), found.detail, (found,))
    return error


def failure_detail(error: BaseException | None) -> FailureDetail | None:
    """The detail nearest to the surface of ``error``, its members, causes and contexts."""
    return next((detail for _, detail in _details(error)), None)


def is_terminal(error: BaseException | None) -> bool:
    """Whether ``error`` or anything it came from is a terminal refusal."""
    return failure_detail(error) is not None


def status_code(error: BaseException | None) -> StatusCode:
    """The canonical code of ``error``; ``OK`` for none."""
    if error is None:
        return StatusCode.OK
    for carrier, _ in _details(error):
        return carrier.code
    nodes = list(_tree(error))
    for node in nodes:
        if isinstance(node, StatusError):
            return node.code
    for node in nodes:
        if isinstance(node, asyncio.CancelledError):
            return StatusCode.CANCELLED
        if isinstance(node, TimeoutError):
            return StatusCode.DEADLINE_EXCEEDED
    return StatusCode.UNKNOWN


def code_for_http(status: int) -> StatusCode:
    """The canonical code for the HTTP status of an upstream's answer."""
    if code := _HTTP_CODES.get(status):
        return code
    if HTTPStatus.BAD_REQUEST <= status < HTTPStatus.INTERNAL_SERVER_ERROR:
        return StatusCode.INVALID_ARGUMENT
    if HTTPStatus.INTERNAL_SERVER_ERROR <= status < 600:  # noqa: PLR2004 - the end of the 5xx
        return StatusCode.UNAVAILABLE
    return StatusCode.UNKNOWN


_HTTP_CODES: Mapping[int, StatusCode] = {
    401: StatusCode.UNAUTHENTICATED,
    403: StatusCode.PERMISSION_DENIED,
    404: StatusCode.NOT_FOUND,
    408: StatusCode.DEADLINE_EXCEEDED,
    409: StatusCode.ALREADY_EXISTS,
    429: StatusCode.UNAVAILABLE,
    501: StatusCode.UNIMPLEMENTED,
}


def wire_form(found: FailureDetail) -> dict[str, str]:
    """The pair that stands in HTTP bodies and in the job's record."""
    return {"failure_reason": found.reason_name, "failure_detail": found.detail}


def from_wire(reason: object, detail: object) -> FailureDetail | None:
    """The detail that the pair describes; ``None`` when there is none. Never fails."""
    if reason in (None, "") and detail is None:
        return None
    text = "" if detail is None else _text(detail)
    if reason in (None, ""):
        return FailureDetail(reason=FailureReason.UNSPECIFIED, detail=text)
    name = _text(reason)
    known = FailureReason.__members__.get(name)
    if known is None and (number := _REASON_NUMBER.fullmatch(name)):
        known = FailureReason(int(number[1]))
    if known is None:
        known = FailureReason.UNRECOGNIZED
        return FailureDetail(reason=known, reason_name=name, detail=text)
    return FailureDetail(reason=known, detail=text)


def recorded_error(reason: object, detail: object) -> TerminalError | None:
    """The refusal that a job's record, or the JSON of one, tells of; ``None`` when it tells of none."""
    found = from_wire(reason, detail)
    return received_error(found) if found is not None else None


_REASON_NUMBER = re.compile(r"(?:REASON_)?([0-9]{1,9})")


def _code_for_reason(reason: FailureReason) -> StatusCode:
    # A reason from a newer peer must still read as final.
    if reason is FailureReason.OPERATION_NOT_PERMITTED:
        return StatusCode.PERMISSION_DENIED
    return StatusCode.FAILED_PRECONDITION


def _tree(error: BaseException | None) -> Iterator[BaseException]:
    """The error, then what it is made of and came from, depth first."""
    waiting = [error]
    seen: set[int] = set()
    while waiting:
        node = waiting.pop()
        if node is None or id(node) in seen:
            continue
        seen.add(id(node))
        yield node
        if not node.__suppress_context__:
            waiting.append(node.__context__)
        waiting.append(node.__cause__)
        if isinstance(node, BaseExceptionGroup):
            waiting.extend(reversed(node.exceptions))


def _details(error: BaseException | None) -> Iterator[tuple[StatusError, FailureDetail]]:
    for node in _tree(error):
        if isinstance(node, StatusError):
            for entry in getattr(node, "details", ()):
                if isinstance(entry, FailureDetail):
                    yield node, entry


_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_REPLACEMENT = "\ufffd"


def _text(value: object) -> str:
    """``value`` as text that every database, file and peer can take."""
    if isinstance(value, bytes | bytearray):
        text = value.decode(errors="replace")
    else:
        try:
            text = str(value)
        except Exception:  # noqa: BLE001 - an upstream's object must not break its own report
            text = f"<unprintable {type(value).__name__}>"
    return _UNSTORABLE.sub(_REPLACEMENT, text)


def _formatted(message: str, args: tuple[object, ...]) -> str:
    try:
        if len(args) == 1 and isinstance(args[0], Mapping) and args[0]:
            return message % {key: _argument(value) for key, value in args[0].items()}
        return message % tuple(_argument(value) for value in args)
    except Exception:  # noqa: BLE001 - a wrong format must not hide the refusal
        return f"{_text(message)} [{', '.join(_text(value) for value in args)}]"


def _argument(value: object) -> object:
    """``value``, or its text where formatting would fail on it or show ``b'...'``."""
    if isinstance(value, bytes | bytearray):
        return _text(value)
    try:
        str(value)
    except Exception:  # noqa: BLE001 - see _text
        return _text(value)
    return value
