"""The answer for a build that failed, was refused by the quota, or was cancelled."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from chattool import results
from chattool.errors import WorkspaceBuildError, WorkspaceBuildUnreadable
from chattool.quota_error import Verb, is_quota_error, quota_error_result
from chattool.quota_lookup import owner_quota
from db.errors import ChattoolError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.backend import LogLine, Workspace
    from chattool.call import Call
    from chattool.errors import WorkspaceWaitError
    from chattool.results import Result
    from db.ids import BuildId, OrganizationId

log = logging.getLogger(__name__)

_LOG_LINES = 20
_LOG_BYTES = 8 * 1024


@dataclass(frozen=True, kw_only=True)
class FailurePath:
    """How a tool came to wait for the build. Without a verb there is no quota result: stops need none.

    ``retry`` is the tool that builds again.
    """

    prefix: str
    retry: str
    verb: Verb | None = None
    quota_organization: OrganizationId | None = None


async def failure_result(
    call: Call, error: WorkspaceWaitError, path: FailurePath, workspace: Workspace
) -> Result:
    """What to answer for the failed build of ``workspace``."""
    if is_quota_error(error) and path.verb is not None:
        quota = await owner_quota(call, path.quota_organization)
        refusal = quota_error_result(error, verb=path.verb, prefix=path.prefix, quota=quota)
        return refusal.model_copy(update=results.identity(workspace))
    failed = error if isinstance(error, WorkspaceBuildError) else None
    # On a stop the quota's code would only mislead.
    code = failed.code if failed and not is_quota_error(failed) else None
    return results.BuildFailureResult(
        error=f"{path.prefix}{error}",
        build_id=error.build_id,
        error_code=code,
        failure_reason=(failed and failed.failure_reason) or None,
        retryable=failed.retryable if failed else None,
        last_log_lines=await _last_log_lines(call, error.build_id) or None,
        next_step=_next_step(error, path.retry),
        workspace_id=workspace.id,
        workspace_name=workspace.full_name,
    )


def _next_step(error: WorkspaceWaitError, retry: str) -> str:
    if isinstance(error, WorkspaceBuildUnreadable):
        return "Call workspace_status to find out how the build ended."
    if isinstance(error, WorkspaceBuildError) and not error.retryable:
        return (
            "Call get_workspace_build_logs with this build_id to find out more. "
            f"When the cause is gone, call {retry} again."
        )
    return f"Call {retry} again to try once more."


async def _last_log_lines(call: Call, build_id: BuildId | None) -> tuple[str, ...]:
    if build_id is None:
        return ()
    try:
        lines = await call.backend.build_log_tail(build_id, limit=_LOG_LINES)
    except ChattoolError:
        log.debug("cannot read a build's log", exc_info=True, extra={"action": "build_log"})
        return ()
    return _tail(lines)


def _tail(lines: Sequence[LogLine]) -> tuple[str, ...]:
    kept: list[str] = []
    room = _LOG_BYTES
    for line in reversed(lines[-_LOG_LINES:]):
        text = f"[{line.stage}] {line.output}".encode("utf-8", "replace")
        if len(text) > room and kept:
            break
        kept.append(text[:room].decode("utf-8", "ignore"))
        room -= len(text)
    return tuple(reversed(kept))
