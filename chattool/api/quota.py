"""``/workspace-quota``: what a user may spend in the default organization."""

from __future__ import annotations

from fastapi import APIRouter

from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import UserName
from chattool.api.models import people as models
from chattool.api.organizations import quota_of
from chattool.api.services import ServicesOf
from db.users import DEFAULT_ORGANIZATION

router = APIRouter(prefix="/workspace-quota", tags=["Quota"], route_class=SignedInFirst)


@router.get("/{user}")
async def default_workspace_quota(
    caller: CallerOf, services: ServicesOf, user: UserName
) -> models.WorkspaceQuota:
    """What a user has spent and may spend in the default organization."""
    return await quota_of(caller, services, DEFAULT_ORGANIZATION, user)
