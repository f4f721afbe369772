"""The tool ``get_workspace_quota``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.errors import ToolError
from chattool.inspection import Inspection, answer
from chattool.inspection_results import ChargedWorkspace, GroupItem, WorkspaceQuotaResult

if TYPE_CHECKING:
    from chattool.context import ToolContext
    from chattool.inspection_arguments import WorkspaceQuotaArgs
    from chattool.results import ToolResponse

TITLE = "Workspace quota"
DESCRIPTION = (
    "Read the owner's workspace quota, in credits per day. Answers what is used, the budget (-1: not "
    "enforced), which workspaces hold how much, and which groups the budget comes from. Use it when a build "
    "was refused for quota, to tell the user what could be deleted. Changes nothing."
)

_LISTED_WORKSPACES = 100


async def get_workspace_quota(context: ToolContext, _arguments: WorkspaceQuotaArgs) -> ToolResponse:
    """The owner's quota in the chat's organization, what holds it, and where it comes from."""
    return await answer(_quota(Inspection(context, "get_workspace_quota")))


async def _quota(call: Inspection) -> WorkspaceQuotaResult:
    actor = await call.owner()
    if not call.backend.can_read_quota:
        raise ToolError("workspace quota is not configured")
    context = call.context
    statement = await call.read(
        "read quota",
        lambda: call.backend.quota_statement(
            actor, context.owner_id, context.organization_id, limit=_LISTED_WORKSPACES
        ),
    )
    return WorkspaceQuotaResult(
        credits_consumed=statement.quota.credits_consumed,
        budget=statement.quota.budget,
        workspaces=tuple(
            ChargedWorkspace(
                workspace_id=charge.workspace_id,
                workspace_name=charge.workspace_name,
                credits=charge.credits,
            )
            for charge in statement.charges
        ),
        groups=tuple(
            GroupItem(name=group.name, quota_allowance=group.quota_allowance) for group in statement.groups
        ),
    )
