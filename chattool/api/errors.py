"""Every error as one body: ``{"message", "detail"?, "code"?, "validations"?: [{"field", "detail"}]}``."""

from __future__ import annotations

import logging
import math
from typing import TYPE_CHECKING, Annotated, Any

from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from chattool.agent_service import AgentUnknown
from chattool.identity import Unauthenticated
from db.errors import ChattoolError, Conflict, LeaseLost, NotFound, RequestError, StoreError
from db.secrets import KeyInvalid, SecretUnreadable
from provisioner.errors import ProvisionerError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from fastapi import FastAPI, Request, Response

log = logging.getLogger(__name__)

_RETRY_SECONDS = 1
_SHOWN_VALIDATIONS = 100


class FieldError(BaseModel):
    """What is wrong with one field of a request."""

    field: str
    detail: str


class ErrorBody(BaseModel):
    """Why a request was refused."""

    message: Annotated[str, Field(description="One sentence for people.")]
    detail: Annotated[str | None, Field(description="More about it.")] = None
    code: Annotated[str | None, Field(description="Stable name, where the status says too little.")] = None
    validations: Annotated[list[FieldError] | None, Field(description="What is wrong, by field.")] = None


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What a route documents about its errors: these, and those every route for signed-in users has."""
    return {status: {"model": ErrorBody} for status in sorted({400, 401, 403, 404, 429, *statuses})}


def install(app: FastAPI) -> None:
    """Answer every error of ``app`` this way."""
    app.add_exception_handler(ChattoolError, _ours)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(HTTPException, _by_framework)


def answer(
    status: int,
    message: str,
    *,
    detail: str = "",
    code: str = "",
    validations: Sequence[tuple[str, str]] = (),
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An error as a response."""
    body: dict[str, object] = {"message": message}
    if detail:
        body["detail"] = detail
    if code:
        body["code"] = code
    if validations:
        body["validations"] = [{"field": field, "detail": text} for field, text in validations]
    return JSONResponse(body, status_code=status, headers=None if headers is None else dict(headers))


async def _ours(_request: Request, error: Exception) -> Response:
    assert isinstance(error, ChattoolError)  # noqa: S101 - installed for this class
    return refusal(error) if isinstance(error, RequestError) else _described(error)


def refusal(error: RequestError) -> Response:
    """A refusal as a response."""
    plain = type(error) in {RequestError, NotFound}
    return answer(
        error.status_code,
        error.message,
        detail=error.detail,
        code="" if plain else error.code,
        validations=[(wrong.field, wrong.detail) for wrong in error.validations],
        headers=_retry_after(error),
    )


def _described(error: ChattoolError) -> Response:
    match error:
        case Unauthenticated() | AgentUnknown():
            return answer(401, error.message, headers={"WWW-Authenticate": "Bearer"})
        case LeaseLost():
            return answer(409, error.message, code=error.code)
        case Conflict():
            return answer(409, "Another request changed the same thing at the same time.", code=error.code)
        case StoreError() if error.retryable:
            log.warning("the database does not answer: %s", error, extra={"action": "request"})
            message = "The database does not answer now; please try again."
            return answer(503, message, code=error.code, headers={"Retry-After": str(_RETRY_SECONDS)})
        case ProvisionerError():
            # What a template's author or a provisioner got wrong; written to be read by users.
            return answer(400, error.message, code=error.code)
        case _:
            log.error("a request failed", exc_info=error, extra={"action": "request"})
            return _key_trouble(error) if isinstance(error, KeyInvalid | SecretUnreadable) else internal()


def _key_trouble(error: StoreError) -> Response:
    """These texts say what the operator has to mend, and hold nothing of a key."""
    return answer(500, error.told, code=error.code)


async def _malformed(_request: Request, error: Exception) -> Response:
    problems = error.errors() if isinstance(error, RequestValidationError) else []
    validations = [(_field(problem["loc"]), str(problem["msg"])) for problem in problems[:_SHOWN_VALIDATIONS]]
    return answer(400, "The request is not valid.", validations=validations)


async def _by_framework(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - installed for this class
    if error.status_code == NotFound().status_code:
        return answer(404, NotFound().message)
    return answer(error.status_code, str(error.detail), headers=error.headers)


def internal() -> Response:
    """What is told of a mistake of ours: nothing."""
    return answer(500, "An internal error occurred; the server's log says more.")


def _field(location: Sequence[object]) -> str:
    """The place of a mistake as ``rich_parameter_values.0.name``, without the ``body`` before it."""
    return ".".join(str(part) for part in location[1:]) or str(location[0] if location else "body")


def _retry_after(error: ChattoolError) -> Mapping[str, str] | None:
    if error.retry_after is None:
        return None
    return {"Retry-After": str(max(1, math.ceil(error.retry_after.total_seconds())))}
