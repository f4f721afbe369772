"""Errors of provisioning. Terminal refusals have a module of their own: ``provisioner.terminal``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from db.errors import ChattoolError, LeaseLost, StoreUnavailable

if TYPE_CHECKING:
    from datetime import timedelta


class ServerUnavailable(StoreUnavailable):
    """The server did not answer a remote daemon, or not now. What the call did is unknown."""

    code = "SERVER_UNAVAILABLE"


class AnswerUnreadable(ServerUnavailable):
    """The server, or something in its place, answered with what this version does not understand."""


class DaemonRefused(LeaseLost):
    """The server takes no calls from this daemon, so nothing that it holds is its own any more."""

    code = "DAEMON_REFUSED"
    default_message = "the server refuses this daemon"


class ProvisionerError(ChattoolError):
    """A provisioner could not do what it was asked for."""

    code = "PROVISIONER_ERROR"


class TemplateInvalid(ProvisionerError):
    """The template itself is broken; the text names the file and, where known, line and key."""

    code = "TEMPLATE_INVALID"


class ArchiveInvalid(ProvisionerError):
    """The template's archive is damaged, too large, or reaches outside its folder."""

    code = "ARCHIVE_INVALID"


class MissingParameter(ProvisionerError):
    """A required parameter has no value."""

    code = "MISSING_TEMPLATE_PARAMETER"

    def __init__(self, name: str) -> None:
        super().__init__(f'missing parameter "{name}"')
        self.parameter = name


class RateLimited(ProvisionerError):
    """An upstream asks to be called more slowly."""

    code = "RATE_LIMITED"
    retryable = True

    def __init__(self, message: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after


class CapacityUnavailable(ProvisionerError):
    """An upstream has no machines just now; nothing was started."""

    code = "CAPACITY_UNAVAILABLE"
    retryable = True


class OutcomeUnknown(ProvisionerError):
    """A call was sent and its answer lost: look before trying again."""

    code = "OUTCOME_UNKNOWN"
