"""What a provisioner is given, what it answers, and what it may raise.

A provisioner turns a template into real things. It sees the unpacked template, a request and a log sink;
it never sees the database or a secret of the server.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from db.ids import BuildId, TemplateId, TemplateVersionId, UserId, WorkspaceId
from db.states import LogLevel, ProvisionerType, Transition

if TYPE_CHECKING:
    import asyncio
    from pathlib import Path


class LogSink(Protocol):
    """Takes a provisioner's log lines. Never blocks and never fails."""

    def __call__(self, level: LogLevel, output: str, *, stage: str | None = None) -> None:
        """Log one line; ``stage`` replaces the runner's stage for this line."""
        ...


class Checkpoint(Protocol):
    """Keeps the state that an apply has reached, so that a daemon that dies loses nothing before it."""

    async def __call__(self, state: bytes, /) -> None: ...


async def unsaved(_state: bytes, /) -> None:
    """A checkpoint that keeps nothing: for callers who hold the only copy anyway."""


@dataclass(frozen=True, kw_only=True)
class ParameterOption:
    """One of the values a parameter may take."""

    name: str
    value: str
    description: str = ""
    icon: str = ""
    cost: int = 0
    """Credits added to the cost of a start when this option is chosen."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A value that a build may be given. Values are text; ``type`` says how the text reads."""

    name: str
    type: str = "string"
    """``string``, ``number``, ``bool`` or ``list(string)`` (a JSON array)."""
    display_name: str = ""
    description: str = ""
    icon: str = ""
    default: str | None = None
    """``None``: the parameter is required."""
    mutable: bool = True
    ephemeral: bool = False
    form_type: str = ""
    options: tuple[ParameterOption, ...] = ()
    validation_regex: str = ""
    validation_error: str = ""
    validation_min: int | None = None
    validation_max: int | None = None
    validation_monotonic: str = ""
    """``increasing`` or ``decreasing``: how a new value must relate to the last build's."""

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A named set of parameter values."""

    name: str
    parameters: Mapping[str, str] = field(default_factory=dict)
    default: bool = False
    description: str = ""
    icon: str = ""


@dataclass(frozen=True, kw_only=True)
class Variable:
    """A template variable: given once at push, not per build."""

    name: str
    type: str = "string"
    description: str = ""
    default: str | None = None
    sensitive: bool = False

    @property
    def required(self) -> bool:
        return self.default is None


@dataclass(frozen=True, kw_only=True)
class Agent:
    """A workspace agent that belongs to a resource."""

    name: str
    order: int = 0
    startup_script: str = ""
    connection_timeout: timedelta = timedelta(seconds=120)
    """Zero never runs out."""
    troubleshooting_url: str = ""
    external: bool = False
    parent: str = ""
    """Name of the agent this one runs inside of; empty for a root agent."""
    token: str = ""
    """The agent's own secret; empty: it uses the build's token and its name."""


@dataclass(frozen=True, kw_only=True)
class MetadataItem:
    """One fact about a resource."""

    key: str
    value: str
    sensitive: bool = False


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One thing that an apply made or a plan would make."""

    type: str
    name: str
    daily_cost: int = 0
    agents: tuple[Agent, ...] = ()
    metadata: tuple[MetadataItem, ...] = ()
    hide: bool = False
    icon: str = ""


@dataclass(frozen=True, kw_only=True)
class WorkspaceMetadata:
    """For whom and for what a workspace is built."""

    workspace_id: WorkspaceId
    workspace_name: str
    owner_id: UserId
    owner_name: str
    owner_email: str
    owner_groups: tuple[str, ...]
    build_id: BuildId
    template_id: TemplateId
    template_name: str
    template_version_id: TemplateVersionId
    template_version_name: str


@dataclass(frozen=True, kw_only=True)
class Request:
    """One plan or apply."""

    transition: Transition
    state: bytes = b""
    """What the last apply left; empty: nothing exists."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    previous_parameters: Mapping[str, str] = field(default_factory=dict)
    variables: Mapping[str, str] = field(default_factory=dict)
    preset: str = ""
    workspace: WorkspaceMetadata | None = None
    """``None`` when a template is imported."""
    agent_token: str = ""
    """Secret that agents of this build use to report; one per build."""
    server_url: str = ""
    """Where agents report; empty: nowhere yet."""
    log_level: LogLevel = LogLevel.INFO
    directory: Path | None = None
    """A private folder that the plan and the apply of one job share; ``None``: each makes its own."""


@dataclass(frozen=True, kw_only=True)
class ParseResult:
    """What a template says about itself."""

    name: str = ""
    display_name: str = ""
    description: str = ""
    icon: str = ""
    ttl: timedelta | None = None
    readme: str = ""
    variables: tuple[Variable, ...] = ()
    error: str = ""


@dataclass(frozen=True, kw_only=True)
class PlanResult:
    """What an apply would do."""

    cost: int = 0
    """Credits per day, never below 0."""
    resources: tuple[Resource, ...] = ()
    parameters: tuple[Parameter, ...] = ()
    presets: tuple[Preset, ...] = ()
    unknown_costs: tuple[str, ...] = ()
    """Names of resources whose cost is known only after the apply; they count 0."""
    state: bytes | None = None
    error: str = ""
    """Not empty: the plan failed, and this says why."""


@dataclass(frozen=True, kw_only=True)
class ApplyResult:
    """What an apply did. With ``error`` part of it may exist; ``state`` is then what is known of it."""

    state: bytes | None = None
    """``None`` keeps the state of before."""
    resources: tuple[Resource, ...] = ()
    error: str = ""


class Provisioner(Protocol):
    """Carries out templates of one type.

    Each call is always awaited to its end, also after ``interrupt`` was set: the provisioner then stops
    politely and answers what it has. A second interrupt does not come; a runner whose patience is over
    cancels the task, and the provisioner then kills what it started before it lets the cancellation pass.
    """

    type: ProvisionerType

    async def parse(self, source: Path, log: LogSink) -> ParseResult:
        """What the template in the folder ``source`` says about itself.

        Raises:
            TemplateInvalid: the template cannot be read; the text names file, line and key.
        """
        ...

    async def plan(
        self, source: Path, request: Request, log: LogSink, interrupt: asyncio.Event
    ) -> PlanResult:
        """What an apply would do; touches nothing.

        Raises:
            TerminalError: upstream has refused for good; the detail states the upstream's code.
            MissingParameter: a required parameter has no value.
            Exception: anything else means that the build may be tried again.
        """
        ...

    async def apply(
        self,
        source: Path,
        request: Request,
        log: LogSink,
        interrupt: asyncio.Event,
        *,
        checkpoint: Checkpoint = unsaved,
    ) -> ApplyResult:
        """Do it, and answer what exists afterwards; hand what comes to exist on the way to ``checkpoint``.

        Raises:
            TerminalError: upstream has refused for good; the detail states the upstream's code.
            Exception: anything else means that the build may be tried again.
        """
        ...
