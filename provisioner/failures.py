"""How a job fails: each site's text, code and reason, as ``Outcome``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.errors import ChattoolError, NotFound, StoreError
from db.states import JobErrorCode, JobStatus
from provisioner import terminal
from provisioner.errors import ArchiveInvalid, MissingParameter, TemplateInvalid
from provisioner.failure_codes import code_for_text
from provisioner.jobs import Outcome

if TYPE_CHECKING:
    from collections.abc import Iterator

SHUT_DOWN = "provisioner daemon was shut down"
CUT_OFF = "provisioner daemon lost contact with the server"
CANCEL_TIMED_OUT = "Cancel timed out"


class Stopped(Exception):
    """The provisioner was killed, or never called, because the job is to stop."""


def failed(
    error: str,
    *,
    code: JobErrorCode | None = None,
    retryable: bool | None = None,
    applied: bool = False,
    state: bytes | None = None,
) -> Outcome:
    """A failure with the text, and the code where one is known at the site."""
    return Outcome(
        status=JobStatus.FAILED,
        error=error,
        error_code=code,
        retryable=retryable,
        applied=applied,
        state=state,
    )


def preparation(error: Exception) -> Outcome:
    """A failure before the provisioner was asked."""
    if isinstance(error, ArchiveInvalid):
        return failed(f"unpack template: {error}")
    if isinstance(error, NotFound):
        return failed(str(error))
    return failed(f"prepare job: {text(error)}")


def broken(error: Exception, site: str, *, applied: bool = False) -> Outcome:
    """A provisioner that raised instead of answering."""
    found = terminal.failure_detail(error)
    if found is not None:
        wire = terminal.wire_form(found)
        return Outcome(
            status=JobStatus.FAILED,
            error=found.detail or found.reason_name,
            failure_reason=wire["failure_reason"],
            failure_detail=wire["failure_detail"],
            applied=applied,
        )
    for each in _chain(error):
        if isinstance(each, MissingParameter):
            return failed(str(each), code=JobErrorCode.MISSING_TEMPLATE_PARAMETER, applied=applied)
        if isinstance(each, TemplateInvalid):
            return failed(str(each), applied=applied)
    said = f"{site}: {text(error)}"
    return failed(said, code=code_for_text(said), applied=applied)


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__


def text(error: BaseException) -> str:
    """What the owner of a build reads of an error."""
    if isinstance(error, StoreError):
        return error.told
    if isinstance(error, ChattoolError):
        return str(error)
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
