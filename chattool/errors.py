"""Errors of the agent's side: the ends of a wait, and calls that end in one sentence.

::

    ChattoolError
    |- WorkspaceWaitError(build_id)
    |  |- WorkspaceBuildError(code, failure_reason, retryable)     the build failed
    |  |  '- WorkspaceBuildUnreadable                              it could not be followed
    |  |- WorkspaceBuildCanceled                                   somebody cancelled it
    |  '- WorkspaceBuildTimeout                                    the wait ended, the build goes on
    |- TemplateImportFailed(code, failure_reason)                the new version is not used
    |- ToolError                     what the model is told instead of a result
    |- JobUnreadable                 the build could be read, its job could not
    |- UnexpectedJobStatus(status)   a foreign server knows more statuses
    '- AgentSelectionError           no agent, or several, could be meant
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from db.errors import ChattoolError, RequestError

if TYPE_CHECKING:
    from db.ids import BuildId

_BAD_REQUEST = 400
_SERVER_ERROR = 500


def is_transient(error: ChattoolError) -> bool:
    """Whether trying again can help: a busy store, a broken connection, a server's 5xx."""
    if isinstance(error, RequestError) and error.status_code >= _SERVER_ERROR:
        return True
    return bool(error.retryable)


class WorkspaceWaitError(ChattoolError):
    """Waiting for a build ended without a built workspace; ``message`` is without any prefix."""

    code = "WORKSPACE_WAIT"

    def __init__(self, message: str = "", build_id: BuildId | None = None) -> None:
        super().__init__(message)
        self.build_id = build_id


class WorkspaceBuildError(WorkspaceWaitError):
    """The build failed. ``code`` is the job's, ``None`` when it has none.

    ``retryable`` is ``None`` where nobody knows; ``planned_cost`` is what the build asked for, in credits.
    """

    default_message: ClassVar[str] = "build failed"
    code: str | None  # type: ignore[assignment]  # jobs without a code exist
    retryable: bool | None  # type: ignore[assignment]  # servers that do not say exist

    def __init__(
        self,
        message: str = "",
        code: str | None = None,
        build_id: BuildId | None = None,
        *,
        failure_reason: str = "",
        retryable: bool | None = None,
        planned_cost: int | None = None,
    ) -> None:
        super().__init__(message, build_id)
        self.code = code
        self.failure_reason = failure_reason
        self.retryable = retryable
        self.planned_cost = planned_cost


class TemplateImportFailed(RequestError):
    """A pushed version could not be imported; the one before stays in force. ``code`` is the job's."""

    def __init__(self, message: str, code: str | None = None, *, failure_reason: str = "") -> None:
        super().__init__(_BAD_REQUEST, message)
        self.code = code or "TEMPLATE_IMPORT_FAILED"
        self.failure_reason = failure_reason


class WorkspaceBuildUnreadable(WorkspaceBuildError):
    """The build or its job is missing, or could not be read for too long; its end is unknown."""

    default_message: ClassVar[str] = "get build"


class WorkspaceBuildCanceled(WorkspaceWaitError):
    """Somebody cancelled the build."""

    code = "BUILD_CANCELED"
    default_message: ClassVar[str] = "build was canceled"


class WorkspaceBuildTimeout(WorkspaceWaitError):
    """The wait reached its limit. The build goes on."""

    code = "BUILD_TIMEOUT"
    retryable = True
    default_message: ClassVar[str] = "timed out waiting for workspace build"


class ToolError(ChattoolError):
    """A call ends with this one sentence, which says what is missing and which tool to call."""

    code = "TOOL_ERROR"


class JobUnreadable(ChattoolError):
    """A build could be read, but not its provisioner job."""

    code = "JOB_UNREADABLE"

    def __init__(self, message: str, *, retryable: bool = False) -> None:
        super().__init__(message)
        self.retryable = retryable


class UnexpectedJobStatus(ChattoolError):
    """A job has a status that this program does not know."""

    code = "UNEXPECTED_JOB_STATUS"

    def __init__(self, status: str) -> None:
        super().__init__(f"unexpected job status: {status}")
        self.status = status


class AgentSelectionError(ChattoolError):
    """No agent of the workspace, or several, could be the chat's."""

    code = "AGENT_SELECTION"
