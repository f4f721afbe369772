"""``ClassifiedError``: a failed model call as one small value, and how it is attached to an exception."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar, overload

from chattool.chaterror import messages, providers
from chattool.chaterror.kinds import Kind

if TYPE_CHECKING:
    from datetime import datetime

E = TypeVar("E", bound=BaseException)

_ATTRIBUTE = "__chattool_classification__"
# PostgreSQL stores neither, and lone surrogates cannot be encoded at all.
_UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
_ZERO = timedelta()


@dataclass(frozen=True, kw_only=True, slots=True)
class ClassifiedError:
    """Why a model call failed, for a person, a retry loop and a database."""

    message: str = ""
    """Headline for a person."""
    detail: str = ""
    """The provider's own words: one line, at most 500 code points."""
    kind: str = ""
    """A value of ``Kind``, or a foreign kind as it came."""
    provider: str = ""
    retryable: bool = False
    """The only thing a retry loop may look at."""
    status_code: int = 0
    """HTTP status; 0 is unknown."""
    retry_after: timedelta = _ZERO
    """The wait that the provider asks for, at least."""
    code: str = ""
    """The provider's code as sent."""
    reset_at: datetime | None = None
    """When a used-up allowance renews, in UTC, if known."""
    evidence: str = ""
    """The rule that decided, like ``E9:insufficient_quota``; for logs and tests, never serialised."""

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all is known."""
        return self == _EMPTY

    def with_provider(self, name: str) -> ClassifiedError:
        """See ``chattool.chaterror.with_provider``."""
        return with_provider(self, name)


_EMPTY = ClassifiedError()


def empty() -> ClassifiedError:
    """The classification of nothing."""
    return _EMPTY


def normalized(error: ClassifiedError) -> ClassifiedError:
    """``error`` trimmed, with a kind and a message; the empty classification when it says nothing."""
    message, kind = trimmed(error.message), trimmed(error.kind)
    detail, code = trimmed(error.detail), trimmed(error.code)
    retry_after = max(error.retry_after, _ZERO)
    if not kind:
        known = message or detail or error.status_code or retry_after or code or error.reset_at
        if not known:
            return _EMPTY
        kind = Kind.GENERIC.value
    stated = replace(
        error,
        message=message,
        detail=detail,
        kind=kind,
        provider=trimmed(providers.normalized(error.provider)),
        retry_after=retry_after,
        code=code,
    )
    return stated if message else replace(stated, message=messages.terminal_message(stated))


def with_provider(error: ClassifiedError, name: str) -> ClassifiedError:
    """``error`` as a failure of provider ``name``, its message rebuilt; a blank name only normalises."""
    stated = normalized(error)
    provider = trimmed(providers.normalized(name))
    if not provider or stated.is_empty or provider == stated.provider:
        return stated
    return normalized(replace(stated, provider=provider, message=""))


@overload
def with_classification(error: E, classification: ClassifiedError) -> E: ...
@overload
def with_classification(error: None, classification: ClassifiedError) -> None: ...
def with_classification(error: E | None, classification: ClassifiedError) -> E | None:
    """The same exception, with ``classification`` attached: ``classify`` answers it from then on."""
    if error is not None:
        # Past a __setattr__ of the class: frozen exceptions refuse everything.
        BaseException.__setattr__(error, _ATTRIBUTE, normalized(classification))
    return error


def attached(error: BaseException) -> ClassifiedError | None:
    """The classification attached to this very exception."""
    found = error.__dict__.get(_ATTRIBUTE)
    return found if isinstance(found, ClassifiedError) else None


def trimmed(text: str) -> str:
    """``text`` without blanks around it, in characters that every store takes."""
    text = text.strip()
    if "\0" not in text:
        try:
            text.encode()
        except UnicodeEncodeError:
            pass
        else:
            return text
    return _UNSTORABLE.sub("\N{REPLACEMENT CHARACTER}", text)
