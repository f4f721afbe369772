"""Which errors of this machine are final."""

import errno

import pytest

from provisioner.errors import ProvisionerError
from provisioner.provisioners.local_failures import refusal
from provisioner.terminal import FailureReason, failure_detail


@pytest.mark.parametrize(
    ("number", "reason"),
    [
        ("EDQUOT", FailureReason.LICENSE_EXHAUSTED),
        ("EACCES", FailureReason.OPERATION_NOT_PERMITTED),
        ("EPERM", FailureReason.OPERATION_NOT_PERMITTED),
        ("EROFS", FailureReason.OPERATION_NOT_PERMITTED),
    ],
)
def test_a_refusal_of_the_machine_is_final(number: str, reason: FailureReason) -> None:
    found = failure_detail(refusal(OSError(getattr(errno, number), "no"), "cannot start"))

    assert found is not None
    assert (found.reason, found.detail) == (reason, f"{number}: cannot start")


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "full"),
        OSError(errno.EIO, "broken"),
        OSError("no number"),
        ProvisionerError("x"),
    ],
    ids=["full", "broken", "unnumbered", "other"],
)
def test_everything_else_may_heal(error: Exception) -> None:
    assert refusal(error, "cannot start") is None
