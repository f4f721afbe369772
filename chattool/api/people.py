"""Records of users, organizations and groups as the models of the API."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chattool.api.models import people as models
from chattool.identity import ORGANIZATION_ROLES, SITE_ROLES, Scope
from db import names
from db.errors import RequestError, Validation
from db.users import DEFAULT_ORGANIZATION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from db.accounts import Account
    from db.ids import UserId
    from db.organizations import Member
    from db.records import Group, Organization
    from db.tokens import Token

_DISPLAY_NAMES = {
    "owner": "Owner",
    "template-admin": "Template Admin",
    "auditor": "Auditor",
    "organization-admin": "Organization Admin",
    "organization-template-admin": "Organization Template Admin",
    "organization-auditor": "Organization Auditor",
}


def user(account: Account) -> models.User:
    """A user."""
    return models.User(
        id=account.user.id,
        username=account.user.username,
        name="",
        email=account.user.email,
        created_at=account.created_at,
        status=account.user.status,
        organization_ids=sorted(account.organizations, key=str),
        roles=_roles(account.user.roles),
    )


def organization(record: Organization) -> models.Organization:
    """An organization."""
    return models.Organization(
        id=record.id,
        name=record.name,
        display_name=record.display_name,
        is_default=record.name == DEFAULT_ORGANIZATION,
    )


def member(record: Member) -> models.Member:
    """A user in an organization."""
    return models.Member(
        user_id=record.user_id,
        username=record.username,
        organization_id=record.organization_id,
        roles=_roles(record.roles),
    )


def group(record: Group, members: Iterable[tuple[UserId, str]], total: int) -> models.Group:
    """A group with as many of its members as are shown."""
    return models.Group(
        id=record.id,
        organization_id=record.organization_id,
        name=record.name,
        display_name=record.display_name,
        quota_allowance=record.quota_allowance,
        members=[models.MinimalUser(id=user_id, username=username) for user_id, username in members],
        total_member_count=total,
    )


def token(record: Token) -> models.Token:
    """A token without its secret."""
    return models.Token(
        id=record.id,
        user_id=record.user_id,
        token_name=record.name,
        scope=Scope(record.scope),
        created_at=record.created_at,
        expires_at=record.expires_at,
        last_used=record.last_used_at,
    )


def check_name(name: str, what: str, field: str = "name") -> None:
    """Refuse a name that nothing may have.

    Raises:
        RequestError: 400; says the rule.
    """
    if not names.is_valid(name):
        rule = Validation(field=field, detail=f"A name has {names.RULE}.")
        raise RequestError(400, f"Invalid {what} name {name!r}.", validations=[rule])


def name_taken(name: str, what: str, field: str = "name") -> RequestError:
    """The refusal of a name that is in use."""
    taken = Validation(field=field, detail="This value is already in use and should be unique.")
    return RequestError(409, f"{what} {name!r} already exists.", validations=[taken])


def check_site_roles(roles: Sequence[str]) -> None:
    """Refuse roles that the site does not know.

    Raises:
        RequestError: 400; names them.
    """
    _check_roles(roles, SITE_ROLES)


def check_organization_roles(roles: Sequence[str]) -> None:
    """Refuse roles that organizations do not know.

    Raises:
        RequestError: 400; names them.
    """
    _check_roles(roles, tuple(ORGANIZATION_ROLES))


def _check_roles(roles: Sequence[str], known: Sequence[str]) -> None:
    if unknown := sorted(set(roles) - set(known)):
        rule = Validation(field="roles", detail=f"There are: {', '.join(known)}.")
        raise RequestError(400, f"There is no role {unknown[0]!r}.", validations=[rule])


def _roles(roles: Sequence[str]) -> list[models.Role]:
    return [models.Role(name=role, display_name=_DISPLAY_NAMES.get(role, role)) for role in sorted(roles)]
