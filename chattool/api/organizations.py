"""``/organizations``: tenants and their members."""

from __future__ import annotations

from fastapi import APIRouter

from chattool.api import audit, errors, people
from chattool.api.access import Action, Kind, Target, check, may
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import (
    DEFAULT_LIMIT,
    Limit,
    Offset,
    OrganizationName,
    UserName,
    organization_of,
    user_of,
)
from chattool.api.models import people as models
from chattool.api.services import ServicesOf
from db import organizations
from db.errors import Conflict, NotFound, RequestError
from db.ids import OrganizationId
from quota import budget

router = APIRouter(prefix="/organizations", tags=["Organizations"], route_class=SignedInFirst)

_MOST = 1000


def _members(organization_id: OrganizationId) -> Target:
    return Target(kind=Kind.MEMBER, organization_id=organization_id)


@router.get("")
async def list_organizations(caller: CallerOf, services: ServicesOf) -> list[models.Organization]:
    """The organizations that the caller may look into, by name."""
    if may(caller, Action.READ, Target(kind=Kind.ORGANIZATION)):
        found = await services.store.read(organizations.listed, limit=_MOST)
    else:
        found = await services.store.read(organizations.of_user, caller.user.id)
    return [people.organization(each) for each in found]


@router.post("", status_code=201, responses=errors.responses(409))
async def create_organization(
    caller: CallerOf, services: ServicesOf, wanted: models.CreateOrganization
) -> models.Organization:
    """A new organization, whose first member is the caller. For owners."""
    check(caller, Action.CREATE, Target(kind=Kind.ORGANIZATION))
    people.check_name(wanted.name, "organization")
    try:
        created = await services.store.write(
            organizations.create_with_member, wanted.name, caller.user.id, display_name=wanted.display_name
        )
    except Conflict as conflict:
        raise people.name_taken(wanted.name, "Organization") from conflict
    audit.note(caller, "organization created", organization=created.name)
    return people.organization(created)


@router.get("/{organization}")
async def get_organization(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName
) -> models.Organization:
    """An organization."""
    return people.organization(await organization_of(services, caller, organization))


@router.get("/{organization}/members")
async def list_members(
    caller: CallerOf,
    services: ServicesOf,
    organization: OrganizationName,
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> list[models.Member]:
    """Who belongs to an organization, by name."""
    found = await organization_of(services, caller, organization)
    check(caller, Action.READ, _members(found.id))
    listed = await services.store.read(
        organizations.members, found.id, limit=limit or DEFAULT_LIMIT, offset=offset
    )
    return [people.member(each) for each in listed]


@router.post("/{organization}/members/{user}", responses=errors.responses(409))
async def add_member(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, user: UserName
) -> models.Member:
    """Let a user join. For administrators of the organization."""
    found = await organization_of(services, caller, organization)
    check(caller, Action.CREATE, _members(found.id))
    joining = await user_of(services, caller, user)
    try:
        added = await services.store.write(organizations.add_member, found.id, joining.user.id)
    except Conflict as conflict:
        raise RequestError(409, "The user is a member already.") from conflict
    audit.note(caller, "member added", organization=found.name, user=added.username)
    return people.member(added)


@router.delete("/{organization}/members/{user}", status_code=204, responses=errors.responses(409))
async def remove_member(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, user: UserName
) -> None:
    """End a membership. For administrators of the organization."""
    found = await organization_of(services, caller, organization)
    check(caller, Action.DELETE, _members(found.id))
    leaving = await user_of(services, caller, user)
    await services.store.write(organizations.remove_member, found.id, leaving.user.id)
    audit.note(caller, "member removed", organization=found.name, user=leaving.user.username)


@router.put("/{organization}/members/{user}/roles")
async def set_member_roles(
    caller: CallerOf,
    services: ServicesOf,
    organization: OrganizationName,
    user: UserName,
    wanted: models.RolesWanted,
) -> models.Member:
    """Give a member other roles in the organization. For its administrators."""
    found = await organization_of(services, caller, organization)
    check(caller, Action.UPDATE, _members(found.id))
    people.check_organization_roles(wanted.roles)
    chosen = await user_of(services, caller, user)
    changed = await services.store.write(
        organizations.set_member_roles, found.id, chosen.user.id, wanted.roles
    )
    audit.note(
        caller, "roles changed", organization=found.name, user=changed.username, roles=list(changed.roles)
    )
    return people.member(changed)


@router.get("/{organization}/members/{user}/workspace-quota")
async def workspace_quota(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, user: UserName
) -> models.WorkspaceQuota:
    """What a user has spent and may spend there. For the user, administrators and auditors."""
    return await quota_of(caller, services, organization, user)


async def quota_of(
    caller: CallerOf, services: ServicesOf, organization: str, user: str
) -> models.WorkspaceQuota:
    """The same for both of its paths."""
    found = await organization_of(services, caller, organization)
    spender = await user_of(services, caller, user)
    check(caller, Action.READ, Target(kind=Kind.QUOTA, organization_id=found.id, owner_id=spender.user.id))
    if not caller.is_owner and found.id not in spender.organizations:
        raise NotFound
    quota = await services.store.read(
        budget.workspace_quota,
        spender.user.id,
        found.id,
        enforced=services.provisioner_settings.quota_enforced,
    )
    return models.WorkspaceQuota(credits_consumed=quota.credits_consumed, budget=quota.budget)
