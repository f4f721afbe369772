"""What the tools answer. Absent fields are left out of the JSON, never null."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, WithJsonSchema

from db.states import Transition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from chattool.backend import Workspace


class ResultStatus(StrEnum):
    """Why a call succeeded without a build of its own, or ended before its build."""

    ALREADY_EXISTS = "already_exists"
    STOPPED = "stopped"
    REBUILT = "rebuilt"
    BUILDING = "building"


class AgentStatus(StrEnum):
    """Whether the workspace's agent can be used."""

    READY = "ready"
    NO_AGENT = "no_agent"
    NOT_READY = "not_ready"
    SELECTION_ERROR = "selection_error"
    STARTING = "starting"


class StartupScripts(StrEnum):
    """What went wrong with an agent's start-up scripts."""

    FAILED = "startup_scripts_failed"
    TIMEOUT = "startup_scripts_timeout"
    UNKNOWN = "startup_scripts_unknown"


class ReplacementReason(StrEnum):
    """Why a chat got another workspace than the one it had."""

    TEMPLATE_DIFFERS = "template_differs"
    NAME_DIFFERS = "name_differs"
    AGENT_DISCONNECTED = "agent_disconnected"
    AGENT_TIMEOUT = "agent_timeout"
    DELETE_FAILED = "delete_failed"


class Result(BaseModel):
    """The root of all results."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def document(self) -> dict[str, object]:
        """The result as a JSON object, without absent fields."""
        return self.model_dump(mode="json", exclude_none=True)


class ReplacedWorkspace(Result):
    """A workspace that was left behind for a new one."""

    workspace_id: UUID
    workspace_name: str
    reason: ReplacementReason


class CreateWorkspaceResult(Result):
    """``create_workspace`` made a workspace, or found the chat's."""

    created: bool
    workspace_id: UUID
    workspace_name: str
    build_id: UUID | None = None
    status: ResultStatus | None = None
    transition: Transition | None = None
    message: str | None = None
    agent_status: AgentStatus
    agent_error: str | None = None
    startup_scripts: StartupScripts | None = None
    lifecycle_state: str | None = None
    replaced_workspace: ReplacedWorkspace | None = None


class StartWorkspaceResult(Result):
    """``start_workspace`` started the workspace, or found it running."""

    started: bool
    workspace_id: UUID
    workspace_name: str
    build_id: UUID | None = None
    no_build: Literal[True] | None = None
    status: Literal[ResultStatus.BUILDING] | None = None
    transition: Transition | None = None
    message: str | None = None
    updated_to_active_version: Literal[True] | None = None
    update_reason: str | None = None
    agent_status: AgentStatus
    agent_error: str | None = None
    startup_scripts: StartupScripts | None = None
    lifecycle_state: str | None = None


class StopWorkspaceResult(Result):
    """``stop_workspace`` stopped the workspace, or found it stopped."""

    stopped: bool
    workspace_id: UUID
    workspace_name: str
    build_id: UUID | None = None
    no_build: Literal[True] | None = None
    status: Literal[ResultStatus.BUILDING] | None = None
    transition: Transition | None = None
    message: str | None = None


class WaitStatus(StrEnum):
    """What a workspace was found to be after waiting for it."""

    RUNNING = "running"
    STOPPED = "stopped"
    DELETED = "deleted"
    BUILDING = "building"


class WaitForWorkspaceResult(Result):
    """``wait_for_workspace`` saw the build succeed, or go on."""

    status: WaitStatus
    workspace_id: UUID
    workspace_name: str
    build_id: UUID
    transition: Transition | None = None
    message: str
    agent_status: AgentStatus | None = None
    agent_error: str | None = None
    startup_scripts: StartupScripts | None = None
    lifecycle_state: str | None = None


class QuotaFigures(Result):
    """Credits. ``cost`` is what the refused build asked for, where known."""

    credits_consumed: int
    budget: int
    cost: int | None = None


class QuotaErrorResult(Result):
    """A build was refused because the owner's quota is full."""

    # In a schema it is the same text as the code of any other failure.
    error_code: Annotated[Literal["INSUFFICIENT_QUOTA"], WithJsonSchema({"type": "string"})] = (
        "INSUFFICIENT_QUOTA"
    )
    error: str
    title: str
    message: str
    build_id: UUID | None = None
    quota: QuotaFigures | None = None
    workspace_id: UUID | None = None
    workspace_name: str | None = None
    replaced_workspace: ReplacedWorkspace | None = None


class BuildFailureResult(Result):
    """A build failed or was cancelled."""

    error: str
    build_id: UUID | None = None
    error_code: str | None = None
    failure_reason: str | None = None
    retryable: bool | None = None
    last_log_lines: tuple[str, ...] | None = None
    next_step: str | None = None
    workspace_id: UUID | None = None
    workspace_name: str | None = None
    replaced_workspace: ReplacedWorkspace | None = None


class FieldValidation(Result):
    """What is wrong with one field of the request."""

    field: str
    detail: str


class RequestErrorResult(Result):
    """The request for a workspace or build was refused."""

    error: str
    detail: str | None = None
    validations: tuple[FieldValidation, ...] | None = None
    template_id: UUID | None = None
    workspace_id: UUID | None = None
    workspace_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class ToolResponse:
    """The answer of a tool: ``content`` is what the model reads, ``result`` what it was made from.

    ``is_error`` is true only for a text error, which is one plain sentence without a result.
    """

    content: str
    is_error: bool = False
    result: Result | None = None

    @classmethod
    def of(cls, result: Result) -> ToolResponse:
        """The response that carries ``result``."""
        text = json.dumps(result.document(), ensure_ascii=False, separators=(",", ":"))
        return cls(content=_encodable(text), result=result)

    @classmethod
    def text_error(cls, text: str) -> ToolResponse:
        """The response of a call that could not be made."""
        return cls(content=_encodable(text), is_error=True)

    @property
    def data(self) -> dict[str, object]:
        """The tool's JSON object; a text error has one with ``error`` alone."""
        return {"error": self.content} if self.result is None else self.result.document()

    @property
    def ok(self) -> bool:
        """Whether the call did what it was for: neither a text error nor a result with ``error``."""
        return not self.is_error and "error" not in self.data

    def stored(self) -> dict[str, object]:
        """A JSON document from which ``restored`` makes an equal response."""
        if self.result is None:
            return {"text": self.content}
        return {"model": type(self.result).__name__, "result": self.data}

    @classmethod
    def restored(cls, stored: Mapping[str, object], models: Mapping[str, type[Result]]) -> ToolResponse:
        """The response that ``stored`` was made from; ``models`` are those it may carry, by name.

        Raises:
            KeyError, ValueError: another version of this program wrote it.
        """
        if "text" in stored:
            return cls.text_error(str(stored["text"]))
        return cls.of(models[str(stored["model"])].model_validate(stored["result"]))


def _encodable(text: str) -> str:
    # Half a surrogate pair, cut out of somebody's output, would break whoever writes this as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")


def identity(workspace: Workspace) -> dict[str, object]:
    """The fields by which a result names its workspace."""
    return {"workspace_id": workspace.id, "workspace_name": workspace.full_name}
