"""What the tools need from the system that builds workspaces.

The engine on our own database is one implementation, an HTTP client is another; no tool knows which one it
has. Errors: ``RequestError`` (a refused request, ``NotFound`` among them), ``StoreBusy`` and
``StoreUnavailable`` (transient), other ``ChattoolError`` otherwise.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from chattool.inspection_backend import InspectionBackend
from chattool.workspace_calls import AgentCalls

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager
    from datetime import datetime, timedelta

    from db.clock import Clock
    from db.ids import (
        AgentId,
        BuildId,
        ChatId,
        JobId,
        OrganizationId,
        PresetId,
        TemplateId,
        TemplateVersionId,
        UserId,
        WorkspaceId,
    )
    from db.states import AgentConnection, LogLevel, Transition
    from db.wakeups import Subscription


@dataclass(frozen=True, kw_only=True)
class Actor:
    """On whose behalf a call is made, with the rights loaded once."""

    user_id: UserId
    roles: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Job:
    """The provisioner job of a build. ``status`` is text, since a foreign server may know more of them."""

    id: JobId
    status: str
    error: str = ""
    error_code: str = ""
    failure_reason: str = ""
    failure_detail: str | None = None
    """What a provisioner said that refused for good; ``None`` when none did."""
    retryable: bool | None = None
    stage: str = ""
    queue_position: int = 0
    queue_size: int = 0
    matched_provisioners: int | None = None
    """Online daemons that could take a pending job; ``None`` when unknown, or no longer asked."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One transition of a workspace."""

    id: BuildId
    workspace_id: WorkspaceId
    build_number: int
    transition: Transition
    template_version_id: TemplateVersionId
    planned_cost: int | None
    job: Job


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A workspace with its latest build."""

    id: WorkspaceId
    name: str
    owner_id: UserId
    owner_name: str
    organization_id: OrganizationId
    template_id: TemplateId
    template_name: str
    deleted: bool
    latest_build_id: BuildId

    @property
    def full_name(self) -> str:
        return f"{self.owner_name}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template. Its active version may still be importing when it is the first."""

    id: TemplateId
    organization_id: OrganizationId
    name: str
    active_version_id: TemplateVersionId
    display_name: str = ""
    description: str = ""
    deprecated: bool = False


@dataclass(frozen=True, kw_only=True)
class TemplateVersion:
    """A version of a template, with what its import found. Costs are credits per day, where known."""

    id: TemplateVersionId
    has_external_agent: bool
    organization_id: OrganizationId | None = None
    template_id: TemplateId | None = None
    importing: bool = False
    readme: str = ""
    start_cost: int | None = None
    stop_cost: int | None = None


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A workspace agent and what it last reported. ``connection`` is evaluated at the backend's now."""

    id: AgentId
    name: str
    parent_id: AgentId | None
    display_order: int
    connection: AgentConnection
    lifecycle_state: str
    ever_connected: bool = False
    external: bool = False


@dataclass(frozen=True, kw_only=True)
class Quota:
    """Credits of a user in an organization; ``budget`` -1 means that none is enforced."""

    credits_consumed: int
    budget: int


@dataclass(frozen=True, kw_only=True)
class LogLine:
    """One line of a log. An agent's lines have no stage."""

    id: int
    level: LogLevel
    stage: str
    output: str
    created_at: datetime


@dataclass(frozen=True, kw_only=True)
class CreateWorkspace:
    """A request for a new workspace and its first build."""

    organization_id: OrganizationId
    template_id: TemplateId
    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    preset_id: PresetId | None = None
    ttl: timedelta | None = None
    idempotency_key: str | None = None


@dataclass(frozen=True, kw_only=True)
class CreateBuild:
    """A request for another build of a workspace."""

    workspace_id: WorkspaceId
    transition: Transition
    parameters: Mapping[str, str] = field(default_factory=dict)
    preset_id: PresetId | None = None
    use_active_version: bool = False
    idempotency_key: str | None = None


class WorkspaceBackend(InspectionBackend, AgentCalls, Protocol):
    """Workspaces, builds, templates, agents and what runs in them, and quota.

    A backend that lacks one of ``can_create``, ``can_start``, ``can_stop`` or ``can_read_quota`` says so by
    the flag, and the method is then never called.
    """

    @property
    def clock(self) -> Clock:
        """The clock of all its time limits."""
        ...

    can_create: bool
    can_start: bool
    can_stop: bool
    can_read_quota: bool
    can_connect_agents: bool

    async def as_owner(self, owner_id: UserId) -> Actor:
        """The owner with its roles, who must exist and be active."""
        ...

    async def create_workspace(
        self, actor: Actor, request: CreateWorkspace
    ) -> tuple[Workspace, BuildId | None]:
        """Make the workspace and queue its first build, in one step.

        Raises:
            RequestError: 409 with a validation on ``name`` when the name is taken; 400 with validations.
        """
        ...

    async def create_build(self, actor: Actor, request: CreateBuild) -> Build:
        """Queue a build of an existing workspace.

        Raises:
            RequestError: 409 when another build is active; 400 with validations.
        """
        ...

    async def workspace(self, workspace_id: WorkspaceId) -> Workspace:
        """The workspace, a deleted one included."""
        ...

    async def build(self, build_id: BuildId) -> Build:
        """The build with its job."""
        ...

    async def builds_by_id(self, build_ids: Sequence[BuildId]) -> Mapping[BuildId, Build]:
        """Those of the builds that exist, each as ``build`` answers it; at once where that is possible."""
        ...

    async def build_log_tail(self, build_id: BuildId, *, limit: int) -> Sequence[LogLine]:
        """The last lines of the build's log at info or above, oldest first."""
        ...

    async def agents(self, build_id: BuildId) -> Sequence[Agent]:
        """The agents that the build made."""
        ...

    async def template(self, actor: Actor, template_id: TemplateId) -> Template: ...

    async def template_version(self, actor: Actor, version_id: TemplateVersionId) -> TemplateVersion: ...

    async def quota(self, actor: Actor, owner_id: UserId, organization_id: OrganizationId) -> Quota:
        """Consumed credits and budget from one snapshot."""
        ...

    def build_changes(self, build_id: BuildId) -> AbstractContextManager[Subscription]:
        """Wake-ups for changes of the build; hints only."""
        ...

    def agent_changes(self, agent_id: AgentId) -> AbstractContextManager[Subscription]:
        """Wake-ups for reports of the agent; hints only."""
        ...


@dataclass(frozen=True, kw_only=True)
class Chat:
    """A conversation and the workspace it is bound to."""

    id: ChatId
    owner_id: UserId
    organization_id: OrganizationId
    workspace_id: WorkspaceId | None
    build_id: BuildId | None
    agent_id: AgentId | None


@dataclass(frozen=True, kw_only=True)
class ToolCall:
    """What is recorded about one tool call, for replays."""

    tool: str
    request_hash: str
    workspace_id: WorkspaceId | None
    build_id: BuildId | None
    answer: Mapping[str, object] | None


class LeaseHandle(Protocol):
    """A held lease of a chat."""

    async def renew(self) -> bool:
        """Extend the lease; ``False`` when it is lost."""
        ...


class ChatStore(Protocol):
    """Chats, their bindings, their leases and the record of their tool calls."""

    async def chat(self, chat_id: ChatId) -> Chat: ...

    async def bind(self, chat_id: ChatId, workspace_id: WorkspaceId, build_id: BuildId | None) -> Chat:
        """Write workspace and build together, and clear the agent."""
        ...

    async def try_lease(self, chat_id: ChatId, duration: timedelta) -> LeaseHandle | None:
        """Take the chat's lease if nobody holds it."""
        ...

    async def release(self, chat_id: ChatId, lease: LeaseHandle) -> None:
        """Give the lease back; harmless when it was lost."""
        ...

    def lease_changes(self, chat_id: ChatId) -> AbstractContextManager[Subscription]:
        """Wake-ups for a lease that was given back."""
        ...

    async def tool_call(self, chat_id: ChatId, tool_call_id: str) -> ToolCall | None:
        """What was recorded under this id, if anything."""
        ...

    async def record_tool_call(self, chat_id: ChatId, tool_call_id: str, call: ToolCall) -> None:
        """Insert or replace the record of a tool call."""
        ...
