"""What commands look at and do, wherever it is: on a database, or on a server over HTTP."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from db.states import BuildStatus, JobStatus, Transition, build_status

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from pathlib import Path

    from chattool.callers import Caller
    from chattool.context import OnChatUpdated
    from chattool.toolset import Toolset
    from db.ids import AgentId, BuildId, TemplateId, TemplateVersionId, TokenId, WorkspaceId
    from db.records import Group, JobLog, ProvisionerKey, User
    from db.tokens import Token


@dataclass(frozen=True, kw_only=True)
class Version:
    """What the import of a template's active version found."""

    name: str
    readme: str
    start_cost: int | None
    stop_cost: int | None
    parameters: Sequence[Mapping[str, object]] = ()
    presets: Sequence[Mapping[str, object]] = ()


@dataclass(frozen=True, kw_only=True)
class Template:
    """A template with its active version, if it has one."""

    id: TemplateId
    name: str
    display_name: str
    description: str
    provisioner: str
    active_version_id: TemplateVersionId | None
    default_ttl_ms: int
    created_at: datetime
    version: Version | None


@dataclass(frozen=True, kw_only=True)
class Job:
    """How far the work behind a build is, and how it ended."""

    status: JobStatus
    stage: str | None
    error: str | None
    error_code: str | None
    failure_reason: str | None
    started_at: datetime | None
    completed_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class Queue:
    """Where a pending build stands."""

    position: int = 0
    size: int = 0
    available: int = 0
    """Online daemons that could take it."""


@dataclass(frozen=True, kw_only=True)
class Build:
    """One transition of a workspace, whose name is ``owner/name``."""

    id: BuildId
    workspace_id: WorkspaceId
    workspace_name: str
    build_number: int
    transition: Transition
    planned_cost: int | None
    daily_cost: int
    created_at: datetime
    job: Job
    parameters: Mapping[str, str] = field(default_factory=dict)
    queue: Queue | None = None
    """Given while it is pending, where one build is looked at."""

    @property
    def status(self) -> BuildStatus:
        return build_status(self.job.status, self.transition)


@dataclass(frozen=True, kw_only=True)
class BuildReport:
    """A build as it stands, and the lines of its log that are new."""

    build: Build
    lines: Sequence[JobLog]
    has_more: bool = False
    """Whether more lines are there already."""


@dataclass(frozen=True, kw_only=True)
class Workspace:
    """A workspace with its latest build and the credits that it is charged."""

    id: WorkspaceId
    owner_name: str
    name: str
    template_id: TemplateId
    template_name: str
    deleted: bool
    ttl_ms: int | None
    created_at: datetime
    latest: Build
    credits: int

    @property
    def full_name(self) -> str:
        return f"{self.owner_name}/{self.name}"


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A workspace agent; ``connection`` is as it is now."""

    id: AgentId
    name: str
    connection: str
    lifecycle_state: str
    last_connected_at: datetime | None


@dataclass(frozen=True, kw_only=True)
class WorkspaceDetails:
    """A workspace with what runs in it, and where its files are when they are on this machine."""

    workspace: Workspace
    agents: Sequence[Agent]
    directory: Path | None = None


@dataclass(frozen=True, kw_only=True)
class QuotaReport:
    """What a user spends and may spend."""

    username: str
    credits_consumed: int
    budget: int
    groups: Sequence[tuple[str, int]]
    """Names, and what each grants."""
    workspaces: Sequence[Workspace]


class Operations(Protocol):
    """A database or a server, on behalf of a user.

    A text names a thing as a person does, see ``chattool.cli.lookup``; ``NotFound`` then says what there is.
    """

    async def toolset(self, chat: str, *, on_chat_updated: OnChatUpdated | None = None) -> Toolset:
        """The agent's tools for a chat of the user."""
        ...

    def caller(self, *, default_chat: str) -> Caller:
        """The user for a host that finds conversations by handles."""
        ...

    async def templates(self) -> Sequence[Template]:
        """The templates that workspaces can be made from."""
        ...

    async def template(self, text: str) -> Template:
        """The template of that name or id, with all that its version says."""
        ...

    async def push_template(
        self, folder: Path, *, name: str | None, variables: Mapping[str, str]
    ) -> Template:
        """The template with the folder as its new version, imported. Raises as ``Engine.push_template``."""
        ...

    async def workspaces(self, *, everyone: bool) -> Sequence[Workspace]:
        """The living workspaces of the user, or of all users."""
        ...

    async def workspace(self, text: str) -> Workspace:
        """A living workspace, or any by its id."""
        ...

    async def workspace_details(self, text: str) -> WorkspaceDetails: ...

    async def build_workspace(
        self, workspace_id: WorkspaceId, transition: Transition, parameters: Mapping[str, str]
    ) -> BuildId:
        """The build that starts, stops or deletes it. Raises ``RequestError`` 409 while another is active."""
        ...

    async def builds(self, workspace: str | None, *, limit: int) -> Sequence[Build]:
        """Builds of a workspace, which may be deleted, or of all that the user has; newest first."""
        ...

    async def build(self, text: str) -> Build: ...

    async def build_by_id(self, build_id: BuildId) -> Build: ...

    def build_reports(self, build_id: BuildId) -> AsyncIterator[BuildReport]:
        """What happens to the build, from its beginning to its end."""
        ...

    def startup_lines(self, build_id: BuildId) -> AsyncIterator[tuple[str, str]]:
        """Agent and text of each line that its start-up scripts print, until the scripts have ended."""
        ...

    async def cancel_build(self, build_id: BuildId) -> JobStatus:
        """``canceled``, or ``canceling``. Raises ``RequestError`` when it has ended."""
        ...

    async def quota(self) -> QuotaReport: ...

    async def groups(self) -> Sequence[Group]: ...

    async def set_allowance(self, group: str, credits_per_day: int) -> Group:
        """The group, which now adds so much to the budget of each member."""
        ...

    async def users(self) -> Sequence[User]: ...

    async def add_user(self, name: str, roles: Sequence[str]) -> User:
        """The new user. Raises ``RequestError`` 409 when there is one of that name."""
        ...

    async def create_token(self, name: str, *, scope: str, lifetime: timedelta | None) -> tuple[TokenId, str]:
        """Id and secret of a new token of the user."""
        ...

    async def tokens(self) -> Sequence[Token]: ...

    async def revoke_token(self, token_id: TokenId) -> None: ...

    async def create_key(self, name: str, tags: Mapping[str, str]) -> tuple[ProvisionerKey, str]:
        """A new key of remote daemons, and its secret."""
        ...

    async def keys(self) -> Sequence[tuple[ProvisionerKey, int]]:
        """The keys, each with how many daemons have it."""
        ...

    async def revoke_key(self, name: str) -> None: ...
