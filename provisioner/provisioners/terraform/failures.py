"""What providers of infrastructure refuse for good, told by the codes in their errors.

A build that failed may be tried again, unless a row of ``REFUSALS`` says otherwise. Rows are tried in order
on each error, and apply only to errors of the provider they name; a code is compared whole. Whatever is
not listed stays an ordinary failure: a useless retry costs less than a build that never comes back.

A template may know more than this table. A script that it runs says so by a line
``chattool: <FAILURE REASON>: <what upstream said>`` and a failure, for example
``chattool: USER_NOT_PROVISIONABLE: HR-412: worker W17 is on leave``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from provisioner.errors import CapacityUnavailable, ProvisionerError, RateLimited
from provisioner.terminal import FailureReason, terminal_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from provisioner.provisioners.terraform.diagnostics import Diagnostic

NO_PROVIDER = "terraform"
"""The provider of errors that Terraform itself makes."""
_DETAIL_LIMIT = 1000


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """One row: which code of which provider means what."""

    provider: str
    """How the names of its resources begin: ``aws``."""
    code: str
    means: FailureReason | type[ProvisionerError]
    """A reason is final; an error class is worth another try."""


_NOT_ALLOWED = FailureReason.OPERATION_NOT_PERMITTED
_NOT_VALID = FailureReason.VALIDATION_FAILURE
_USED_UP = FailureReason.LICENSE_EXHAUSTED
_GOVERNED = FailureReason.TARGET_MANAGED_EXTERNALLY
_USER = FailureReason.USER_NOT_PROVISIONABLE

REFUSALS: tuple[Refusal, ...] = (
    # Terraform itself: a rule that the template sets for a variable.
    Refusal(provider=NO_PROVIDER, code="Invalid value for variable", means=_NOT_VALID),
    Refusal(provider=NO_PROVIDER, code="Invalid value for input variable", means=_NOT_VALID),
    # Amazon Web Services: "api error CODE".
    Refusal(provider="aws", code="UnauthorizedOperation", means=_NOT_ALLOWED),
    Refusal(provider="aws", code="AccessDenied", means=_NOT_ALLOWED),
    Refusal(provider="aws", code="AccessDeniedException", means=_NOT_ALLOWED),
    Refusal(provider="aws", code="OptInRequired", means=_NOT_ALLOWED),
    Refusal(provider="aws", code="VcpuLimitExceeded", means=_USED_UP),
    Refusal(provider="aws", code="InstanceLimitExceeded", means=_USED_UP),
    Refusal(provider="aws", code="VolumeLimitExceeded", means=_USED_UP),
    Refusal(provider="aws", code="AddressLimitExceeded", means=_USED_UP),
    Refusal(provider="aws", code="ServiceQuotaExceededException", means=_USED_UP),
    Refusal(provider="aws", code="InvalidAMIID.Malformed", means=_NOT_VALID),
    Refusal(provider="aws", code="InvalidParameterCombination", means=_NOT_VALID),
    Refusal(provider="aws", code="InsufficientInstanceCapacity", means=CapacityUnavailable),
    Refusal(provider="aws", code="RequestLimitExceeded", means=RateLimited),
    Refusal(provider="aws", code="ThrottlingException", means=RateLimited),
    # Microsoft Azure: 'Code="CODE"', "with error: CODE:".
    Refusal(provider="azurerm", code="AuthorizationFailed", means=_NOT_ALLOWED),
    Refusal(provider="azurerm", code="LinkedAuthorizationFailed", means=_NOT_ALLOWED),
    Refusal(provider="azurerm", code="RequestDisallowedByPolicy", means=_GOVERNED),
    Refusal(provider="azurerm", code="ScopeLocked", means=_GOVERNED),
    Refusal(provider="azurerm", code="QuotaExceeded", means=_USED_UP),
    Refusal(provider="azurerm", code="InvalidParameter", means=_NOT_VALID),
    Refusal(provider="azurerm", code="AllocationFailed", means=CapacityUnavailable),
    Refusal(provider="azurerm", code="ZonalAllocationFailed", means=CapacityUnavailable),
    Refusal(provider="azurerm", code="TooManyRequests", means=RateLimited),
    # Google Cloud: "googleapi: Error STATUS: MESSAGE, CODE".
    Refusal(provider="google", code="forbidden", means=_NOT_ALLOWED),
    Refusal(provider="google", code="accessNotConfigured", means=_NOT_ALLOWED),
    Refusal(provider="google", code="quotaExceeded", means=_USED_UP),
    Refusal(provider="google", code="invalid", means=_NOT_VALID),
    Refusal(provider="google", code="rateLimitExceeded", means=RateLimited),
)

_CODES = {
    "aws": re.compile(r"\bapi error ([A-Za-z0-9.]+):"),
    "azurerm": re.compile(r'\bCode="([A-Za-z0-9]+)"|\bwith error: ([A-Za-z0-9]+):'),
    "google": re.compile(r"\bgoogleapi: Error \d{3}: .*, ([A-Za-z]+)$", re.MULTILINE),
}
_SAID_BY_TEMPLATE = re.compile(r"^chattool: ([A-Z_]+): (.+)$", re.MULTILINE)
_SCRIPT_FAILED = "local-exec provisioner error"
_SCRIPT_OUTPUT = re.compile(r"': (?:exit status \d+|signal: [a-z ]+)\. Output: ")
_REASONS = {reason.name: reason for reason in (_NOT_ALLOWED, _NOT_VALID, _USED_UP, _GOVERNED, _USER)}
_RESOURCE = re.compile(
    r"(?:module\.[^.\[]+(?:\[[^\]]*\])?\.)*(?:data\.|ephemeral\.)?([a-z0-9-]+)[a-z0-9_-]*\."
)
_PROVIDER_BLOCK = re.compile(r'provider "([a-z0-9-]+)"')


def refusal(errors: Iterable[Diagnostic], hide: Callable[[str], str]) -> ProvisionerError | None:
    """What to raise for these errors; ``None`` when no row says more than that they are errors.

    A permanent refusal among them outweighs what might heal. ``hide`` takes secrets out of texts.
    """
    found = [error for diagnostic in errors if (error := _refusal(diagnostic, hide))]
    return next((error for error in found if not error.retryable), found[0] if found else None)


def provider_of(diagnostic: Diagnostic) -> str:
    """Whose error it is."""
    if match := _RESOURCE.match(diagnostic.address):
        return match[1]
    if match := _PROVIDER_BLOCK.match(diagnostic.context):
        return match[1]
    return NO_PROVIDER


def _refusal(diagnostic: Diagnostic, hide: Callable[[str], str]) -> ProvisionerError | None:
    if diagnostic.summary == _SCRIPT_FAILED:
        return _said_by_template(diagnostic.detail, hide)
    provider = provider_of(diagnostic)
    text = f"{diagnostic.summary}\n{diagnostic.detail}"
    codes = _codes(provider, text, diagnostic.summary)
    for row in REFUSALS:
        if row.provider == provider and row.code in codes:
            sentence = diagnostic.sentence()
            detail = hide(sentence if sentence.startswith(row.code) else f"{row.code}: {sentence}")
            if isinstance(row.means, FailureReason):
                return terminal_error(row.means, detail[:_DETAIL_LIMIT])
            return row.means(detail[:_DETAIL_LIMIT])
    return None


def _said_by_template(detail: str, hide: Callable[[str], str]) -> ProvisionerError | None:
    # The command stands before its output, and may hold the same words in a branch that was not taken.
    if not (output := _SCRIPT_OUTPUT.search(detail)):
        return None
    said = _SAID_BY_TEMPLATE.search(detail[output.end() :])
    if not said or not (reason := _REASONS.get(said[1])):
        return None
    return terminal_error(reason, hide(said[2].strip())[:_DETAIL_LIMIT])


def _codes(provider: str, text: str, summary: str) -> set[str]:
    if provider == NO_PROVIDER:
        return {summary}
    pattern = _CODES.get(provider)
    return {code for match in pattern.finditer(text) for code in match.groups() if code} if pattern else set()
