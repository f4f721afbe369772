"""Groups, whose allowances make the budgets of their members."""

from __future__ import annotations

from fastapi import APIRouter

from chattool.api import audit, errors, people
from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import OrganizationName, id_of, organization_of, user_of
from chattool.api.models import people as models
from chattool.api.services import Services, ServicesOf
from chattool.identity import Caller
from db import groups, ids, users
from db.errors import Conflict
from db.ids import OrganizationId
from db.records import Group

router = APIRouter(tags=["Groups"], route_class=SignedInFirst)


def _target(organization_id: OrganizationId) -> Target:
    return Target(kind=Kind.GROUP, organization_id=organization_id)


@router.get("/organizations/{organization}/groups")
async def list_groups(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName
) -> list[models.Group]:
    """The groups of an organization, by name, without their members."""
    found = await organization_of(services, caller, organization)
    check(caller, Action.READ, _target(found.id))
    counts = await services.store.read(groups.member_counts, found.id)
    listed = await services.store.read(users.list_groups, found.id)
    return [people.group(each, (), counts.get(each.id, 0)) for each in listed]


@router.post("/organizations/{organization}/groups", status_code=201, responses=errors.responses(409))
async def create_group(
    caller: CallerOf, services: ServicesOf, organization: OrganizationName, wanted: models.CreateGroup
) -> models.Group:
    """A new group without members. For administrators of the organization."""
    found = await organization_of(services, caller, organization)
    check(caller, Action.CREATE, _target(found.id))
    people.check_name(wanted.name, "group")
    try:
        created = await services.store.write(
            users.create_group,
            found.id,
            wanted.name,
            display_name=wanted.display_name,
            quota_allowance=wanted.quota_allowance,
        )
    except Conflict as conflict:
        raise people.name_taken(wanted.name, "Group") from conflict
    audit.note(caller, "group created", group=created.name, quota_allowance=created.quota_allowance)
    return people.group(created, (), 0)


@router.get("/groups/{group}")
async def get_group(caller: CallerOf, services: ServicesOf, group: str) -> models.Group:
    """A group with its members."""
    return await _shown(services, await _checked(caller, services, group, Action.READ))


@router.patch("/groups/{group}", responses=errors.responses(409))
async def change_group(
    caller: CallerOf, services: ServicesOf, group: str, wanted: models.ChangeGroup
) -> models.Group:
    """Change a group's name, allowance or members, all or nothing. For administrators."""
    found = await _checked(caller, services, group, Action.UPDATE)
    if wanted.name is not None:
        people.check_name(wanted.name, "group")
    try:
        await services.store.write(
            groups.change,
            found.id,
            name=wanted.name,
            display_name=wanted.display_name,
            quota_allowance=wanted.quota_allowance,
            add=[(await user_of(services, caller, each)).user.id for each in wanted.add_users],
            remove=[(await user_of(services, caller, each)).user.id for each in wanted.remove_users],
        )
    except Conflict as conflict:
        raise people.name_taken(wanted.name or found.name, "Group") from conflict
    audit.note(caller, "group changed", group=found.name, changes=wanted.model_dump(exclude_unset=True))
    return await _shown(services, await services.store.read(groups.group, found.id))


async def _checked(caller: Caller, services: Services, reference: str, action: Action) -> Group:
    found = await services.store.read(groups.group, ids.GroupId(id_of(reference)))
    check(caller, action, _target(found.organization_id))
    return found


async def _shown(services: Services, group: Group) -> models.Group:
    counts = await services.store.read(groups.member_counts, group.organization_id)
    members = await services.store.read(groups.members, group.id)
    return people.group(group, members, counts.get(group.id, 0))
