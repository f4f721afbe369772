"""Arguments of the read-only tools."""

from __future__ import annotations

from pydantic import Field

from chattool.arguments import ToolArgs, WholeNumber

_AFTER = "Only lines after this id: the next_after_id of an earlier answer. Left out: from the start."


class ListTemplatesArgs(ToolArgs):
    """Arguments of ``list_templates``."""

    query: str = Field(default="", description="Words to look for in names and descriptions. Left out: all.")
    page: WholeNumber = Field(default=1, description="Page of 10 templates, from 1.")


class ReadTemplateArgs(ToolArgs):
    """Arguments of ``read_template``."""

    template_id: str = Field(description="Id of the template, as list_templates gives it.")


class WorkspaceStatusArgs(ToolArgs):
    """``workspace_status`` takes no arguments."""


class WorkspaceQuotaArgs(ToolArgs):
    """``get_workspace_quota`` takes no arguments."""


class BuildLogsArgs(ToolArgs):
    """Arguments of ``get_workspace_build_logs``."""

    build_id: str = Field(description="Id of the build, as an earlier answer gave it.")
    after_id: WholeNumber = Field(default=0, description=_AFTER)


class AgentLogsArgs(ToolArgs):
    """Arguments of ``get_workspace_agent_logs``."""

    agent_id: str = Field(description="Id of the workspace agent, as workspace_status gives it.")
    after_id: WholeNumber = Field(default=0, description=_AFTER)


class TemplateFilesArgs(ToolArgs):
    """Arguments of ``get_template_version_files``."""

    template_version_id: str = Field(
        description="Id of the template version, such as the active_version_id that read_template gives."
    )
    path: str = Field(default="", description="Path of the file to read. Left out: list the files.")
