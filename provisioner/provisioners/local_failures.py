"""What this machine refuses for good, told by the numbers of its errors.

Whatever is not listed stays an ordinary failure. A full disk is not: anybody's next delete may free it.
"""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from provisioner.terminal import FailureReason, terminal_error

if TYPE_CHECKING:
    from collections.abc import Mapping

    from provisioner.terminal import TerminalError

REFUSALS: Mapping[int, FailureReason] = {
    errno.EDQUOT: FailureReason.LICENSE_EXHAUSTED,  # the daemon's user has used up its share of the disk
    errno.EACCES: FailureReason.OPERATION_NOT_PERMITTED,
    errno.EPERM: FailureReason.OPERATION_NOT_PERMITTED,
    errno.EROFS: FailureReason.OPERATION_NOT_PERMITTED,
}


def refusal(error: Exception, text: str) -> TerminalError | None:
    """What to raise for ``error``; ``None`` when it may heal by itself. ``text`` says what failed."""
    if not isinstance(error, OSError) or error.errno is None or error.errno not in REFUSALS:
        return None
    return terminal_error(REFUSALS[error.errno], f"{errno.errorcode[error.errno]}: {text}")
