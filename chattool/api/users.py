"""``/users``: who is known here."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query

from chattool.api import audit, errors, people
from chattool.api.access import Action, Kind, Target, check
from chattool.api.caller import CallerOf, SignedInFirst
from chattool.api.lookup import DEFAULT_LIMIT, Limit, Offset, UserName, user_of
from chattool.api.models import people as models
from chattool.api.services import Services, ServicesOf
from chattool.identity import Caller
from db import accounts, organizations, users
from db.accounts import Account
from db.errors import Conflict
from db.ids import OrganizationId

router = APIRouter(prefix="/users", tags=["Users"], route_class=SignedInFirst)

_ALL_USERS = Target(kind=Kind.USER)


@router.get("")
async def list_users(
    caller: CallerOf,
    services: ServicesOf,
    q: Annotated[str, Query(max_length=64, pattern=r"^[^\x00]*$", description="Part of a name.")] = "",
    limit: Limit = DEFAULT_LIMIT,
    offset: Offset = 0,
) -> models.Users:
    """The users of the site, by name. For owners and auditors."""
    check(caller, Action.READ, _ALL_USERS)
    found, count = await services.store.read(
        accounts.listed, part=q, limit=limit or DEFAULT_LIMIT, offset=offset
    )
    return models.Users(users=[people.user(each) for each in found], count=count)


@router.post("", status_code=201, responses=errors.responses(409))
async def create_user(caller: CallerOf, services: ServicesOf, wanted: models.CreateUser) -> models.User:
    """Add a user. For owners."""
    check(caller, Action.CREATE, _ALL_USERS)
    people.check_name(wanted.username, "user", "username")
    people.check_site_roles(wanted.roles)
    joined = [
        (await services.store.read(organizations.organization, str(each))).id
        for each in wanted.organization_ids
    ]
    try:
        created = await services.store.write(
            users.create_user,
            wanted.username,
            joined or [await _default_organization(services)],
            email=wanted.email,
            roles=sorted(set(wanted.roles)),
        )
    except Conflict as conflict:
        raise people.name_taken(wanted.username, "User", "username") from conflict
    audit.note(caller, "user created", user=created.username, roles=sorted(set(wanted.roles)))
    return people.user(await services.store.read(accounts.account, str(created.id)))


@router.get("/{user}")
async def get_user(caller: CallerOf, services: ServicesOf, user: UserName) -> models.User:
    """A user: oneself, or for owners and auditors anybody."""
    return people.user(await _checked(caller, services, user, Action.READ))


@router.delete("/{user}", status_code=204, responses=errors.responses(409))
async def delete_user(caller: CallerOf, services: ServicesOf, user: UserName) -> None:
    """Remove a user for good; its tokens end at once. For owners."""
    found = await _checked(caller, services, user, Action.DELETE)
    await services.store.write(accounts.delete_user, found.user.id)
    audit.note(caller, "user deleted", user=found.user.username)


@router.put("/{user}/roles", responses=errors.responses(409))
async def set_roles(
    caller: CallerOf, services: ServicesOf, user: UserName, wanted: models.RolesWanted
) -> models.User:
    """Give a user other roles on the whole site. For owners."""
    found = await _checked(caller, services, user, Action.UPDATE)
    people.check_site_roles(wanted.roles)
    await services.store.write(accounts.set_roles, found.user.id, wanted.roles)
    audit.note(caller, "roles changed", user=found.user.username, roles=sorted(set(wanted.roles)))
    return await _again(services, found)


@router.put("/{user}/status/suspend", responses=errors.responses(409))
async def suspend(caller: CallerOf, services: ServicesOf, user: UserName) -> models.User:
    """Stop a user's tokens until the user is activated again. For owners."""
    found = await _checked(caller, services, user, Action.UPDATE)
    await services.store.write(accounts.suspend, found.user.id)
    audit.note(caller, "user suspended", user=found.user.username)
    return await _again(services, found)


@router.put("/{user}/status/activate")
async def activate(caller: CallerOf, services: ServicesOf, user: UserName) -> models.User:
    """End a suspension. For owners."""
    found = await _checked(caller, services, user, Action.UPDATE)
    await services.store.write(users.set_user_status, found.user.id, "active")
    audit.note(caller, "user activated", user=found.user.username)
    return await _again(services, found)


async def _checked(caller: Caller, services: Services, reference: str, action: Action) -> Account:
    found = await user_of(services, caller, reference)
    check(caller, action, Target(kind=Kind.USER, owner_id=found.user.id))
    return found


async def _again(services: Services, account: Account) -> models.User:
    return people.user(await services.store.read(accounts.account, str(account.user.id)))


async def _default_organization(services: Services) -> OrganizationId:
    return (await services.store.write(users.ensure_organization)).id
