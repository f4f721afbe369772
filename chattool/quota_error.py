"""The answer for a build that the owner's quota refused."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from chattool.errors import WorkspaceBuildError
from chattool.results import QuotaErrorResult, QuotaFigures
from db.states import JobErrorCode

if TYPE_CHECKING:
    from chattool.backend import Quota
    from chattool.errors import WorkspaceWaitError

_TITLE = "Workspace quota reached"
_MESSAGE = (
    "chattool could not {verb} this workspace because your workspace quota is full. "
    "Delete a workspace you no longer need to free quota, "
    "or ask an administrator to raise your group quota allowance."
)


class Verb(StrEnum):
    """What the refused build would have done, in the words of the message."""

    CREATE = "create"
    START = "start"


def is_quota_error(error: WorkspaceWaitError) -> bool:
    """Whether the quota refused the build. The code alone says so, whatever the text says."""
    return error.code == JobErrorCode.INSUFFICIENT_QUOTA


def quota_error_result(
    error: WorkspaceWaitError,
    *,
    verb: Verb = Verb.CREATE,
    prefix: str = "workspace build failed: ",
    quota: Quota | None = None,
) -> QuotaErrorResult:
    """What an agent is told about a refused build; ``quota`` adds the figures, where known.

    Raises:
        ValueError: something else than the quota ended the build.
    """
    if not is_quota_error(error):
        raise ValueError(f"not a quota refusal: {error!r}")
    figures = None
    if quota is not None:
        figures = QuotaFigures(
            credits_consumed=quota.credits_consumed,
            budget=quota.budget,
            cost=error.planned_cost if isinstance(error, WorkspaceBuildError) else None,
        )
    return QuotaErrorResult(
        error=f"{prefix}{error}",
        title=_TITLE,
        message=_MESSAGE.format(verb=Verb(verb)),
        build_id=error.build_id,
        quota=figures,
    )
