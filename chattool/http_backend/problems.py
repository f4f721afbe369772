"""What an answer that is no success means, as an error of ours."""

from __future__ import annotations

import json
from datetime import timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING

from chattool.workspace_calls import AgentAway, AgentCallFailed, AgentCallLost
from db.errors import NotFound, RequestError, StoreBusy, StoreUnavailable, Validation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from db.errors import ChattoolError

#: Said by whoever stands in front of the server, or by a server that cannot answer now.
_PASSING = frozenset({408, 421, 425, 502, 503, 504})
_MULTIPLE_CHOICES, _BAD_REQUEST = 300, 400
_LONGEST_TEXT = 4000
_MOST_VALIDATIONS = 100
_LONGEST_SECONDS = len("86400")


class NotSent(StoreUnavailable):
    """The server could not be reached; the request has done nothing."""


class SignedOut(RequestError):
    """The server does not accept the token, or no longer."""

    code = "UNAUTHENTICATED"

    def __init__(self, url: str) -> None:
        super().__init__(
            HTTPStatus.UNAUTHORIZED,
            f"{url} does not accept the token, or no longer; make another one and sign in: "
            f"chattool login {url}",
        )


class ServerRefused(RequestError):
    """A refusal with a code of its own, which the server gave."""

    def __init__(
        self, status_code: int, message: str, *, code: str, detail: str, validations: tuple[Validation, ...]
    ) -> None:
        super().__init__(status_code, message, detail=detail, validations=validations)
        self.code = code


def problem_of(url: str, status: int, headers: Mapping[str, str], content: bytes) -> ChattoolError:
    """The error that an answer with ``status`` stands for."""
    body = _body(content)
    message, code = _text(body, "message"), _text(body, "code")
    if code in _BY_CODE:
        return _BY_CODE[code](message)
    if code == AgentCallFailed.code:
        return AgentCallFailed(_text(body, "reason"), message)
    return _by_status(url, status, message, body, headers)


def _by_status(
    url: str, status: int, message: str, body: Mapping[str, object], headers: Mapping[str, str]
) -> ChattoolError:
    if status == HTTPStatus.UNAUTHORIZED:
        return SignedOut(url)
    if _MULTIPLE_CHOICES <= status < _BAD_REQUEST:
        return RequestError(status, f"{url} redirects elsewhere; use the address that it names")
    if status in _PASSING or not message:
        return StoreUnavailable(f"{url} answered {status}" + (f": {message}" if message else ""))
    if status == HTTPStatus.NOT_FOUND:
        return NotFound(message)
    error = _refusal(status, message, body)
    error.retry_after = _retry_after(headers)
    return error


def _refusal(status: int, message: str, body: Mapping[str, object]) -> RequestError:
    code = _text(body, "code")
    detail, validations = _text(body, "detail"), _validations(body)
    if code:
        return ServerRefused(status, message, code=code, detail=detail, validations=validations)
    return RequestError(status, message, detail=detail, validations=validations)


def _validations(body: Mapping[str, object]) -> tuple[Validation, ...]:
    given = body.get("validations")
    if not isinstance(given, list):
        return ()
    return tuple(
        Validation(field=_text(each, "field"), detail=_text(each, "detail"))
        for each in given[:_MOST_VALIDATIONS]
        if isinstance(each, dict)
    )


def _body(content: bytes) -> Mapping[str, object]:
    try:
        body = json.loads(content)
    except (ValueError, RecursionError):
        return {}
    return body if isinstance(body, dict) else {}


def _text(body: Mapping[str, object], name: str) -> str:
    value = body.get(name)
    return value[:_LONGEST_TEXT] if isinstance(value, str) else ""


def _retry_after(headers: Mapping[str, str]) -> timedelta | None:
    text = headers.get("retry-after", "")
    known = text.isascii() and text.isdecimal() and len(text) <= _LONGEST_SECONDS
    return timedelta(seconds=int(text)) if known else None


_BY_CODE = {error.code: error for error in (StoreBusy, StoreUnavailable, AgentAway, AgentCallLost)}
