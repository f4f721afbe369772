"""What holds a user's credits, and where the budget comes from."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import OrganizationName, UserName, organization_of, user_of
from chattool.api.models import quota as models
from chattool.api.services import ServicesOf
from chattool.backend import Actor
from db.errors import NotFound

router = APIRouter(tags=["Quota"], route_class=SignedInFirst)

_MOST_CHARGES = 1000


@router.get("/organizations/{organization}/members/{user}/quota-statement")
async def quota_statement(
    caller: CallerOf,
    services: ServicesOf,
    organization: OrganizationName,
    user: UserName,
    limit: Annotated[int, Query(ge=0, le=_MOST_CHARGES, description="Workspaces to name.")] = 25,
) -> models.QuotaStatement:
    """A member's quota with the workspaces that hold most of it, and the groups that grant it."""
    found = await organization_of(services, caller, organization)
    spender = await user_of(services, caller, user)
    check(caller, Action.READ, Target(kind=Kind.QUOTA, organization_id=found.id, owner_id=spender.user.id))
    if found.id not in spender.organizations:
        raise NotFound
    actor = Actor(user_id=caller.user.id, roles=tuple(sorted(caller.roles_in(found.id))))
    statement = await services.backend.quota_statement(actor, spender.user.id, found.id, limit=limit)
    return models.QuotaStatement(
        credits_consumed=statement.quota.credits_consumed,
        budget=statement.quota.budget,
        charges=[
            models.WorkspaceCharge(
                workspace_id=each.workspace_id, workspace_name=each.workspace_name, credits=each.credits
            )
            for each in statement.charges
        ],
        groups=[
            models.GroupAllowance(name=group.name, quota_allowance=group.quota_allowance)
            for group in statement.groups
        ],
    )
