"""Templates, their versions, and what an import found in them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field

from chattool.api.models.jobs import MatchedProvisioners, ProvisionerJob
from chattool.api.models.wire import Absent, Text, Wanted, Wire
from db.states import ProvisionerType

_MOST_MILLISECONDS = 10 * 365 * 24 * 3600 * 1000
_Words = Annotated[Text, Field(max_length=4096)]
_Name = Annotated[Text, Field(max_length=256)]
_Milliseconds = Annotated[int, Field(ge=0, le=_MOST_MILLISECONDS)]


class UploadedFile(Wire):
    """An archive that the server keeps."""

    hash: UUID
    """Its id, to be named by ``file_id`` of a template version. The same bytes always have the same."""


class Template(Wire):
    """A template; its content is in versions."""

    id: UUID
    created_at: datetime
    updated_at: datetime
    organization_id: UUID
    organization_name: str
    name: str
    display_name: str
    provisioner: ProvisionerType
    active_version_id: Absent[UUID] = None
    """The version that new workspaces get; while its first import runs, that one; absent when it failed."""
    active_user_count: int
    """Users who have a workspace of it now."""
    description: str
    deprecated: bool
    deprecation_message: str
    icon: str
    default_ttl_ms: int
    allow_user_cancel_workspace_jobs: bool
    require_active_version: bool


class Creator(Wire):
    """Who made something."""

    id: UUID
    username: str


class TemplateVersion(Wire):
    """One upload of a template, with what its import found in it."""

    id: UUID
    template_id: Absent[UUID] = None
    organization_id: UUID
    created_at: datetime
    updated_at: datetime
    name: str
    message: str
    job: ProvisionerJob
    """The import."""
    readme: str
    created_by: Creator
    archived: bool
    matched_provisioners: Absent[MatchedProvisioners] = None
    """Given while the import is pending."""
    start_cost: Absent[int] = None
    """Credits a day of a running workspace with default parameters, where the import could tell."""
    stop_cost: Absent[int] = None
    """Credits a day of a stopped workspace."""
    has_external_agent: bool


class TemplateVersionParameterOption(Wire):
    """One of the values that a parameter may take."""

    name: str
    description: str
    value: str
    icon: str
    cost: int
    """Credits a day that choosing it adds."""


class TemplateVersionParameter(Wire):
    """A value that a build may be given."""

    name: str
    display_name: Absent[str] = None
    description: str
    type: str
    """``string``, ``number``, ``bool`` or ``list(string)``. Values are always text, lists as JSON."""
    form_type: Absent[str] = None
    mutable: bool
    default_value: str
    icon: str
    options: list[TemplateVersionParameterOption]
    validation_error: Absent[str] = None
    validation_regex: Absent[str] = None
    validation_min: Absent[int] = None
    validation_max: Absent[int] = None
    validation_monotonic: Absent[str] = None
    required: bool
    ephemeral: bool


class TemplateVersionVariable(Wire):
    """A value that a template version was given, once."""

    name: str
    description: str
    type: str
    value: str
    """Empty when it is sensitive."""
    default_value: str
    required: bool
    sensitive: bool


class PresetParameter(Wire):
    """A value of a preset."""

    name: str = Field(serialization_alias="Name")
    value: str = Field(serialization_alias="Value")


class Preset(Wire):
    """A named set of parameter values. The keys are capitalized, as they are in Coder's API."""

    id: UUID = Field(serialization_alias="ID")
    name: str = Field(serialization_alias="Name")
    default: bool = Field(serialization_alias="Default")
    description: Absent[str] = Field(default=None, serialization_alias="Description")
    icon: Absent[str] = Field(default=None, serialization_alias="Icon")
    parameters: list[PresetParameter] = Field(serialization_alias="Parameters")


class TemplateUsage(Wire):
    """How a user uses a template."""

    template_id: UUID
    active: int
    """Workspaces that the user has of it now."""
    removed: int
    """Workspaces that the user had of it until lately."""
    last_used_at: Absent[datetime] = None
    developers: int
    """Users who have a workspace of it now."""


class VariableValue(Wanted):
    """A value for a variable of a template."""

    name: _Name
    value: Annotated[Text, Field(max_length=64 << 10)]


class CreateTemplateVersion(Wanted):
    """A new version of a template, from an uploaded archive. The import starts at once."""

    name: _Name = ""
    """Default: a random one."""
    message: _Words = ""
    template_id: UUID | None = None
    """Without one, the version waits for a template to be made from it."""
    storage_method: Literal["file"]
    file_id: UUID
    """What ``POST /files`` answered."""
    provisioner: ProvisionerType
    tags: Annotated[dict[_Name, _Name], Field(max_length=100, default_factory=dict)]
    """Which daemons may import and build it."""
    user_variable_values: Annotated[list[VariableValue], Field(max_length=1000, default_factory=list)]
    """A variable that is not named keeps the value of the template's active version."""


class CreateTemplate(Wanted):
    """A new template, made from a version that has none."""

    name: _Name
    template_version_id: UUID
    display_name: _Name | None = None
    description: _Words | None = None
    icon: _Words | None = None
    default_ttl_ms: _Milliseconds | None = None
    allow_user_cancel_workspace_jobs: bool = True
    require_active_version: bool = False


class UpdateTemplate(Wanted):
    """What is to change about a template; what is absent stays."""

    name: _Name | None = None
    display_name: _Name | None = None
    description: _Words | None = None
    icon: _Words | None = None
    default_ttl_ms: _Milliseconds | None = None
    allow_user_cancel_workspace_jobs: bool | None = None
    require_active_version: bool | None = None
    deprecation_message: _Words | None = None
    """Not empty: the template is deprecated, and why."""


class UpdateActiveVersion(Wanted):
    """Which version new workspaces are to get."""

    id: UUID
