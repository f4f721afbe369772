"""What is read of a server's answers: few fields, and none of them strict.

Servers may know more statuses, leave out what is empty, or say ``null`` for it, as Coder's does.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import AliasChoices, BaseModel, ConfigDict, Field, model_validator

from db.states import LogLevel, LogSource, Transition


class Shape(BaseModel):
    """The root: other fields are ignored, and ``null`` is as good as absent."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    @model_validator(mode="before")
    @classmethod
    def _without_nulls(cls, value: Any) -> Any:  # noqa: ANN401 - whatever was answered
        if isinstance(value, dict):
            return {name: each for name, each in value.items() if each is not None}
        return value


class Message(Shape):
    """That something was done."""

    message: str = ""


class Role(Shape):
    """A role by its name."""

    name: str


class User(Shape):
    """A person or a service."""

    id: UUID
    username: str
    email: str = ""
    status: str = "active"
    roles: tuple[Role, ...] = ()


class Users(Shape):
    """A page of users."""

    users: tuple[User, ...] = ()
    count: int = 0


class Organization(Shape):
    """A tenant."""

    id: UUID
    name: str
    display_name: str = ""
    is_default: bool = False


class Group(Shape):
    """A group with its allowance."""

    id: UUID
    organization_id: UUID
    name: str
    display_name: str = ""
    quota_allowance: int = 0


class Token(Shape):
    """A token without its secret."""

    id: UUID
    user_id: UUID
    token_name: str = ""
    scope: str = ""
    created_at: datetime
    expires_at: datetime | None = None
    last_used: datetime | None = None


class NewKey(Shape):
    """A secret, shown once."""

    key: str


class NewToken(NewKey):
    """A token, shown once."""

    id: UUID


class ProvisionerKey(Shape):
    """A key of remote daemons."""

    id: UUID
    name: str
    tags: dict[str, str] = {}
    created_at: datetime
    revoked_at: datetime | None = None


class Daemon(Shape):
    """A daemon, as far as keys and doctors care."""

    name: str
    status: str = ""
    key_id: UUID | None = None


class Matched(Shape):
    """Who could take a pending job."""

    available: int = 0


class Job(Shape):
    """The work behind a build or an import."""

    id: UUID
    status: str
    created_at: datetime | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    error: str = ""
    error_code: str = ""
    failure_reason: str = ""
    failure_detail: str | None = None
    retryable: bool | None = None
    stage: str = ""
    file_id: UUID | None = None
    queue_position: int = 0
    queue_size: int = 0


class Agent(Shape):
    """The program in a workspace that reports."""

    id: UUID
    name: str
    parent_id: UUID | None = None
    display_order: int = 0
    status: str
    lifecycle_state: str
    first_connected_at: datetime | None = None
    last_connected_at: datetime | None = None
    troubleshooting_url: str = ""
    external: bool = False


class Resource(Shape):
    """What a build made."""

    agents: tuple[Agent, ...] = ()


class Build(Shape):
    """One transition of a workspace."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    workspace_owner_name: str
    build_number: int
    transition: Transition
    template_version_id: UUID
    planned_cost: int | None = None
    daily_cost: int = 0
    created_at: datetime
    job: Job
    resources: tuple[Resource, ...] = ()
    matched_provisioners: Matched | None = None


class Workspace(Shape):
    """A workspace with its latest build."""

    id: UUID
    name: str
    owner_id: UUID
    owner_name: str
    organization_id: UUID
    template_id: UUID
    template_name: str
    deleted: bool = False
    ttl_ms: int | None = None
    created_at: datetime
    latest_build: Build


class Workspaces(Shape):
    """A page of workspaces."""

    workspaces: tuple[Workspace, ...] = ()
    count: int = 0


class NameValue(Shape):
    """A parameter that a build has."""

    name: str
    value: str


class Template(Shape):
    """A template."""

    id: UUID
    organization_id: UUID
    name: str
    display_name: str = ""
    description: str = ""
    provisioner: str = ""
    active_version_id: UUID | None = None
    deprecated: bool = False
    default_ttl_ms: int = 0
    created_at: datetime


class TemplateVersion(Shape):
    """A version of a template with the job of its import."""

    id: UUID
    organization_id: UUID | None = None
    template_id: UUID | None = None
    name: str = ""
    readme: str = ""
    job: Job
    start_cost: int | None = None
    stop_cost: int | None = None
    has_external_agent: bool = False


class Option(Shape):
    """A value that a parameter may take."""

    name: str = ""
    value: str
    description: str = ""
    icon: str = ""
    cost: int = 0


class Parameter(Shape):
    """A value that a build may be given."""

    name: str
    type: str
    display_name: str = ""
    description: str = ""
    icon: str = ""
    default_value: str = ""
    required: bool = False
    mutable: bool = True
    ephemeral: bool = False
    form_type: str = ""
    options: tuple[Option, ...] = ()
    validation_regex: str = ""
    validation_error: str = ""
    validation_min: int | None = None
    validation_max: int | None = None
    validation_monotonic: str = ""


class PresetValue(Shape):
    """A value of a preset."""

    name: str = Field(validation_alias=AliasChoices("Name", "name"))
    value: str = Field(validation_alias=AliasChoices("Value", "value"))


class Preset(Shape):
    """A named set of values. Its keys are capitalized, as they are in Coder's API."""

    id: UUID = Field(validation_alias=AliasChoices("ID", "id"))
    name: str = Field(validation_alias=AliasChoices("Name", "name"))
    default: bool = Field(default=False, validation_alias=AliasChoices("Default", "default"))
    description: str = Field(default="", validation_alias=AliasChoices("Description", "description"))
    icon: str = Field(default="", validation_alias=AliasChoices("Icon", "icon"))
    parameters: tuple[PresetValue, ...] = Field(
        default=(), validation_alias=AliasChoices("Parameters", "parameters")
    )


class Usage(Shape):
    """How a user uses a template."""

    template_id: UUID
    active: int = 0
    removed: int = 0
    last_used_at: datetime | None = None
    developers: int = 0


class UploadedFile(Shape):
    """An archive that the server keeps."""

    hash: UUID


class JobLog(Shape):
    """A line of a job's log."""

    id: int
    created_at: datetime
    log_source: LogSource = LogSource.PROVISIONER
    log_level: LogLevel = LogLevel.INFO
    stage: str = ""
    output: str = ""


class AgentLog(Shape):
    """A line that an agent's start-up script wrote."""

    id: int
    created_at: datetime
    level: LogLevel = LogLevel.INFO
    output: str = ""


class Quota(Shape):
    """Credits of a user in an organization."""

    credits_consumed: int
    budget: int


class Charge(Shape):
    """What a workspace holds."""

    workspace_id: UUID
    workspace_name: str
    credits: int


class Allowance(Shape):
    """What a group grants."""

    name: str
    quota_allowance: int


class Statement(Quota):
    """A quota with what holds it and what grants it."""

    charges: tuple[Charge, ...] = ()
    groups: tuple[Allowance, ...] = ()


class Chat(Shape):
    """A conversation."""

    id: UUID
    owner_id: UUID
    organization_id: UUID
    workspace_id: UUID | None = None
    build_id: UUID | None = None
    agent_id: UUID | None = None


class ToolCall(Shape):
    """What is recorded about a call of a tool."""

    tool: str
    request_hash: str
    workspace_id: UUID | None = None
    build_id: UUID | None = None
    answer: dict[str, Any] | None = None
