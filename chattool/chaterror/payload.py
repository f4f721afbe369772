"""What is sent to clients, and stored: the one shape of a failed call, and the event of a retry."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import TYPE_CHECKING

from chattool.chaterror import clock
from chattool.chaterror.messages import retry_message

if TYPE_CHECKING:
    from datetime import datetime

    from chattool.chaterror.classified import ClassifiedError

_MILLISECOND = timedelta(milliseconds=1)


def terminal_payload(error: ClassifiedError) -> dict[str, object] | None:
    """The event of a final failure, and what ``chats.last_error`` holds; ``None`` without a message."""
    if not error.message:
        return None
    known = {
        "detail": error.detail,
        "kind": str(error.kind),
        "provider": error.provider,
        "status_code": error.status_code,
        "code": error.code,
        "reset_at": "" if error.reset_at is None else _rfc3339(error.reset_at),
    }
    payload: dict[str, object] = {"message": error.message, "retryable": error.retryable}
    return payload | {name: value for name, value in known.items() if value}


def retry_payload(
    error: ClassifiedError, *, attempt: int, delay: timedelta, now: datetime | None = None
) -> dict[str, object] | None:
    """The event of a call that is tried again after ``delay``; ``attempt`` counts from 1."""
    if not error.message:
        return None
    known = {"kind": str(error.kind), "provider": error.provider, "status_code": error.status_code}
    payload: dict[str, object] = {
        "attempt": attempt,
        "delay_ms": delay // _MILLISECOND,
        "error": retry_message(error),
        "retrying_at": _rfc3339((now or clock.now()) + delay),
    }
    return payload | {name: value for name, value in known.items() if value}


def _rfc3339(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
