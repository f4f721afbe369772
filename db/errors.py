"""The errors of chattool, one tree. Branch on class and ``code``; the text is for people.

::

    ChattoolError(code, retryable, retry_after, facts)
    |- StoreError            StoreBusy* . StoreUnavailable* . SchemaMismatch . Conflict(constraint)
    |- LeaseLost             another attempt owns the job: stop, write nothing more
    |  '- JobCanceled        the job was cancelled before its point of no return
    |- RequestError          a refused request, with an HTTP status and validations per field
    |- QuotaError            QuotaLockTimeout*(waited)                             quota/errors.py
    |- ProvisionerError      StatusError(code) > TerminalError(reason, detail) ... provisioner/
    |- WorkspaceWaitError    WorkspaceBuildError . WorkspaceBuildCanceled . WorkspaceBuildTimeout
    '- ToolInputError                                                              chattool/

``*`` means that trying again can help. Mistakes of the programmer stay ``ValueError``, ``TypeError``
and ``RuntimeError``, outside the tree.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta


def _restored(cls: type[ChattoolError], args: tuple[object, ...], state: dict[str, object]) -> ChattoolError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class ChattoolError(Exception):
    """Root of the tree. ``str(error)`` is one readable sentence."""

    code: str = "INTERNAL"
    retryable: bool = False
    retry_after: timedelta | None = None
    default_message: ClassVar[str] = ""

    def __init__(self, message: str = "") -> None:
        super().__init__(message or self.default_message)

    @property
    def message(self) -> str:
        return str(self)

    @property
    def facts(self) -> Mapping[str, object]:
        """Typed facts of this error, for logs and structured answers."""
        return {name: value for name, value in self.__dict__.items() if not name.startswith("_")}

    def __reduce__(self) -> tuple[object, ...]:
        # Subclasses take more than a message, which the default pickling would not pass on.
        return _restored, (type(self), self.args, self.__dict__)


class StoreError(ChattoolError):
    """The database refused or could not be reached."""

    code = "STORE_ERROR"
    _told = ""

    @classmethod
    def at(cls, place: object, text: str, *, told: str = "") -> Self:
        """The error of a database at ``place``, a path or a URL, which ``text`` goes on about."""
        error = cls(f"{place} {text}")
        error._told = told or f"the database {text}"
        return error

    @property
    def told(self) -> str:
        """The message for those who need not know where the database is: owners of builds."""
        return self._told or str(self)


class StoreBusy(StoreError):
    """A lock or a deadline of the database ran out; nothing was written."""

    code = "STORE_BUSY"
    retryable = True


class StoreUnavailable(StoreError):
    """No connection to the database, or it broke. What a write did is unknown."""

    code = "STORE_UNAVAILABLE"
    retryable = True


class StoreReadOnly(StoreError):
    """The database cannot be written: read-only file, or no space left."""

    code = "STORE_READ_ONLY"


class SchemaMismatch(StoreError):
    """The database has another schema version than this program."""

    code = "SCHEMA_MISMATCH"

    def __init__(self, message: str, *, found: str | None = None, expected: str | None = None) -> None:
        super().__init__(message)
        self.found = found
        self.expected = expected


class Conflict(StoreError):
    """A constraint of the database refused the write; ``constraint`` names it."""

    code = "CONFLICT"

    def __init__(self, message: str, *, constraint: str = "") -> None:
        super().__init__(message)
        self.constraint = constraint


class LeaseLost(ChattoolError):
    """Another attempt owns the job, or it has ended: stop the provisioner, write nothing more."""

    code = "LEASE_LOST"
    default_message = "the lease of this job is lost"


class JobCanceled(LeaseLost):
    """The job was cancelled before its point of no return, so the build must not be applied."""

    code = "CANCELED"
    default_message = "the job was canceled"


@dataclass(frozen=True, kw_only=True)
class Validation:
    """What is wrong with one field of a request."""

    field: str
    detail: str


class RequestError(ChattoolError):
    """A refused request: the caller is told what to change. ``status_code`` is the HTTP status."""

    code = "REQUEST_REFUSED"

    def __init__(
        self,
        status_code: int,
        message: str,
        *,
        detail: str = "",
        validations: Sequence[Validation] = (),
    ) -> None:
        super().__init__(message)
        self.status_code = status_code
        self.detail = detail
        self.validations = tuple(validations)


class NotFound(RequestError):
    """The thing does not exist, or the caller may not see it: one text for both."""

    code = "NOT_FOUND"

    def __init__(
        self, message: str = "Resource not found or you do not have access to this resource"
    ) -> None:
        super().__init__(404, message)


class ToolInputError(ChattoolError):
    """An argument of a tool is missing or malformed; the text says which and what to do."""

    code = "TOOL_INPUT"
