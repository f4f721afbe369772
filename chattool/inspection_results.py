"""What the read-only tools answer. None of them uses the key ``error``, by which hosts know failures."""

from __future__ import annotations

from datetime import datetime
from typing import Literal
from uuid import UUID

from chattool.results import AgentStatus, QuotaFigures, Result, StartupScripts
from db.states import BuildStatus, LogLevel, Transition


class EstimatedCost(Result):
    """Credits per day of a workspace with default parameters, as planned at the import."""

    start: int | None = None
    stop: int | None = None


class TemplateItem(Result):
    """A template in a list."""

    id: UUID
    name: str
    organization_id: UUID
    display_name: str | None = None
    description: str | None = None
    readme_excerpt: str | None = None
    active_developers: int | None = None
    your_workspace_count: int | None = None
    last_used_by_you: datetime | None = None
    estimated_cost: EstimatedCost | None = None


class ListTemplatesResult(Result):
    """One page of templates, the likeliest first, and what to do next."""

    templates: tuple[TemplateItem, ...]
    page: int
    next_step: str
    next_page: int | None = None
    recommended_template_id: UUID | None = None


class TemplateDescription(Result):
    """A template as its author describes it."""

    id: UUID
    name: str
    active_version_id: UUID
    display_name: str | None = None
    description: str | None = None
    readme: str | None = None


class ParameterOptionItem(Result):
    """A value that a parameter may take; ``cost`` is added to the cost of a start."""

    name: str
    value: str
    description: str | None = None
    cost: int | None = None


class ParameterItem(Result):
    """A parameter of a template; values are text."""

    name: str
    type: str
    required: bool
    mutable: bool
    display_name: str | None = None
    description: str | None = None
    default: str | None = None
    ephemeral: Literal[True] | None = None
    form_type: str | None = None
    options: tuple[ParameterOptionItem, ...] | None = None
    validation_regex: str | None = None
    validation_min: int | None = None
    validation_max: int | None = None


class ParameterValue(Result):
    """The value of one parameter."""

    name: str
    value: str


class PresetItem(Result):
    """A named set of parameter values."""

    id: UUID
    name: str
    default: bool
    parameters: tuple[ParameterValue, ...]
    description: str | None = None
    icon: str | None = None


class ReadTemplateResult(Result):
    """What there is to know before a workspace is made from a template."""

    template: TemplateDescription
    parameters: tuple[ParameterItem, ...]
    parameters_note: str
    presets: tuple[PresetItem, ...] | None = None
    estimated_cost: EstimatedCost | None = None
    quota: QuotaFigures | None = None


class ChargedWorkspace(Result):
    """A workspace and the credits per day that it holds."""

    workspace_id: UUID
    workspace_name: str
    credits: int


class GroupItem(Result):
    """A group that adds to the owner's budget."""

    name: str
    quota_allowance: int


class WorkspaceQuotaResult(Result):
    """The owner's quota, what holds it, and where it comes from."""

    credits_consumed: int
    budget: int
    workspaces: tuple[ChargedWorkspace, ...]
    groups: tuple[GroupItem, ...]


class WorkspaceStatusResult(Result):
    """A workspace as it is now, and what to do next."""

    workspace_id: UUID
    workspace_name: str
    status: BuildStatus
    transition: Transition
    job_status: str
    build_id: UUID
    stage: str | None = None
    queue_position: int | None = None
    queue_size: int | None = None
    matched_provisioners: int | None = None
    build_error: str | None = None
    build_error_code: str | None = None
    agent_status: AgentStatus
    agent_error: str | None = None
    startup_scripts: StartupScripts | None = None
    lifecycle_state: str | None = None
    agent_id: UUID | None = None
    next_step: str


class BuildLogItem(Result):
    """A line of a build's log."""

    id: int
    stage: str
    level: LogLevel
    output: str


class BuildLogsResult(Result):
    """A part of a build's log."""

    build_id: UUID
    build_number: int
    transition: Transition
    job_status: str
    logs: tuple[BuildLogItem, ...]
    has_more: bool
    next_after_id: int | None = None
    job_error: str | None = None
    job_error_code: str | None = None


class AgentLogItem(Result):
    """A line that an agent's start-up script wrote."""

    id: int
    level: LogLevel
    output: str


class AgentLogsResult(Result):
    """A part of what an agent's start-up script wrote."""

    agent_id: UUID
    name: str
    lifecycle_state: str
    logs: tuple[AgentLogItem, ...]
    has_more: bool
    next_after_id: int | None = None
    troubleshooting_url: str | None = None


class FileItem(Result):
    """A file of a template version."""

    path: str
    bytes: int


class TemplateFilesResult(Result):
    """The files of a template version; ``truncated`` when there are more."""

    files: tuple[FileItem, ...]
    truncated: bool | None = None


class TemplateFileResult(Result):
    """The text of one file of a template version."""

    path: str
    content: str
    truncated: bool
