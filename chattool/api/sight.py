"""What of an organization a caller may see, for lists and for objects that belong to one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.api.access import Action, Kind, Target, check, may
from db.workspace_details import Sight

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chattool.identity import Caller
    from db.ids import OrganizationId
    from db.workspace_details import WorkspaceDetails


def organizations(caller: Caller, kind: Kind) -> Sequence[OrganizationId] | None:
    """The organizations all of whose objects of this kind the caller may read; ``None`` is everywhere."""
    if may(caller, Action.READ, Target(kind=kind)):
        return None
    return [
        each
        for each in caller.organization_roles
        if may(caller, Action.READ, Target(kind=kind, organization_id=each))
    ]


def workspaces(caller: Caller) -> Sight:
    """Whose workspaces the caller may see: what ``check_workspace`` lets through."""
    seen = organizations(caller, Kind.WORKSPACE)
    return Sight(
        user_id=caller.user.id,
        member_of=list(caller.organization_roles),
        organizations=seen or (),
        everywhere=seen is None,
    )


def check_workspace(caller: Caller, details: WorkspaceDetails, action: Action = Action.READ) -> None:
    """Return when the caller may do ``action`` to the workspace.

    Raises:
        NotFound, RequestError: as ``access.check``.
    """
    workspace = details.workspace
    target = Target(
        kind=Kind.WORKSPACE, organization_id=workspace.organization_id, owner_id=workspace.owner_id
    )
    check(caller, action, target)
