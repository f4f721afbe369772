"""Organizations, users, groups and who is in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, delete, func, insert, select, update

from db import allowances, ids
from db.errors import NotFound
from db.records import Group, Organization, User
from db.tables import group_members, groups, organization_members, organizations, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import GroupId, OrganizationId, UserId
    from db.transactions import Connection

#: Name of the group that holds every member of its organization.
EVERYONE = "Everyone"
DEFAULT_ORGANIZATION = "default"

_ORGANIZATION = select(organizations.c.id, organizations.c.name, organizations.c.display_name)
_ORGANIZATION_BY_NAME = _ORGANIZATION.where(organizations.c.name == bindparam("name"))
_INSERT_ORGANIZATION = insert(organizations).values(
    {c: bindparam(c) for c in ("id", "name", "display_name", "created_at")}
)
_USER = select(users.c.id, users.c.username, users.c.email, users.c.status, users.c.roles, users.c.deleted)
_USER_BY_ID = _USER.where(users.c.id == bindparam("id"))
_USER_BY_NAME = _USER.where(func.lower(users.c.username) == func.lower(bindparam("name")), ~users.c.deleted)
_USERS = (
    _USER.join(organization_members, organization_members.c.user_id == users.c.id)
    .where(organization_members.c.organization_id == bindparam("organization"), ~users.c.deleted)
    .order_by(users.c.username)
)
_INSERT_USER = insert(users).values(
    {c: bindparam(c) for c in ("id", "username", "email", "roles", "created_at")}
)
_UPDATE_USER_STATUS = (
    update(users).where(users.c.id == bindparam("user")).values(status=bindparam("new_status"))
)
_INSERT_MEMBER = insert(organization_members).values(
    organization_id=bindparam("organization"), user_id=bindparam("user")
)
_GROUP = select(
    groups.c.id, groups.c.organization_id, groups.c.name, groups.c.display_name, groups.c.quota_allowance
)
_GROUPS = _GROUP.where(groups.c.organization_id == bindparam("organization")).order_by(groups.c.name)
_GROUP_BY_NAME = _GROUP.where(
    groups.c.organization_id == bindparam("organization"),
    func.lower(groups.c.name) == func.lower(bindparam("name")),
)
_INSERT_GROUP = insert(groups).values(
    {
        c: bindparam(c)
        for c in ("id", "organization_id", "name", "display_name", "quota_allowance", "created_at")
    }
)
_SET_ALLOWANCE = (
    update(groups).where(groups.c.id == bindparam("group")).values(quota_allowance=bindparam("allowance"))
)
_INSERT_GROUP_MEMBER = insert(group_members).values(group_id=bindparam("group"), user_id=bindparam("user"))
_DELETE_GROUP_MEMBER = delete(group_members).where(
    group_members.c.group_id == bindparam("group"), group_members.c.user_id == bindparam("user")
)
_IN_GROUP = select(group_members.c.group_id).where(group_members.c.user_id == bindparam("user"))
_IN_ORGANIZATION = select(organization_members.c.organization_id).where(
    organization_members.c.user_id == bindparam("user")
)
#: The groups that count for a user in an organization: those joined, and Everyone for its members.
GROUPS_OF_USER = _GROUP.where(
    groups.c.organization_id == bindparam("organization"),
    groups.c.id.in_(_IN_GROUP)
    | ((groups.c.id == groups.c.organization_id) & groups.c.id.in_(_IN_ORGANIZATION)),
).order_by(groups.c.name)


def create_organization(
    conn: Connection, name: str, *, display_name: str = "", allowance: int = 0
) -> Organization:
    """A new organization with its Everyone group, which allows each member ``allowance`` credits.

    Raises:
        Conflict: the name is taken.
    """
    organization = Organization(id=ids.OrganizationId(ids.new_id()), name=name, display_name=display_name)
    conn.run(
        _INSERT_ORGANIZATION, id=organization.id, name=name, display_name=display_name, created_at=conn.now
    )
    conn.run(
        _INSERT_GROUP,
        id=organization.id,
        organization_id=organization.id,
        name=EVERYONE,
        display_name="",
        quota_allowance=allowance,
        created_at=conn.now,
    )
    return organization


def organization_by_name(conn: Connection, name: str) -> Organization | None:
    """The organization of that name."""
    return conn.record(Organization, _ORGANIZATION_BY_NAME, name=name)


def create_user(
    conn: Connection,
    username: str,
    organization_ids: Sequence[OrganizationId],
    *,
    email: str = "",
    roles: Sequence[str] = (),
) -> User:
    """A new active user, member of the given organizations.

    Raises:
        Conflict: the name is taken.
    """
    user_id = ids.UserId(ids.new_id())
    conn.run(_INSERT_USER, id=user_id, username=username, email=email, roles=list(roles), created_at=conn.now)
    for organization_id in organization_ids:
        conn.run(_INSERT_MEMBER, organization=organization_id, user=user_id)
    return User(id=user_id, username=username, email=email, status="active", roles=roles, deleted=False)


def user(conn: Connection, user_id: UserId) -> User | None:
    """The user, also a deleted or suspended one."""
    return conn.record(User, _USER_BY_ID, id=user_id)


def user_by_name(conn: Connection, name: str) -> User | None:
    """The user of that name, compared without case."""
    return conn.record(User, _USER_BY_NAME, name=name)


def list_users(conn: Connection, organization_id: OrganizationId) -> list[User]:
    """The living members of an organization, by name."""
    return conn.records(User, _USERS, organization=organization_id)


def set_user_status(conn: Connection, user_id: UserId, status: str) -> None:
    """Make a user ``active`` or ``suspended``."""
    conn.run(_UPDATE_USER_STATUS, user=user_id, new_status=status)


def ensure_organization(conn: Connection, *, allowance: int = 0) -> Organization:
    """The default organization, made when it is missing; ``allowance`` is that of a new one's members."""
    organization = organization_by_name(conn, DEFAULT_ORGANIZATION)
    return organization or create_organization(conn, DEFAULT_ORGANIZATION, allowance=allowance)


def ensure_owner(conn: Connection, username: str, *, allowance: int = 0) -> tuple[Organization, User]:
    """The default organization and the user of that name in it; both are made when missing.

    ``allowance`` is that of a new organization's members.
    """
    organization = ensure_organization(conn, allowance=allowance)
    owner = user_by_name(conn, username)
    if owner is None:
        owner = create_user(conn, username, [organization.id], roles=["owner"])
    return organization, owner


def create_group(
    conn: Connection,
    organization_id: OrganizationId,
    name: str,
    *,
    display_name: str = "",
    quota_allowance: int = 0,
) -> Group:
    """A new group without members.

    Raises:
        Conflict: the organization has a group of that name.
    """
    group = Group(
        id=ids.GroupId(ids.new_id()),
        organization_id=organization_id,
        name=name,
        display_name=display_name,
        quota_allowance=quota_allowance,
    )
    conn.run(
        _INSERT_GROUP,
        id=group.id,
        organization_id=organization_id,
        name=name,
        display_name=display_name,
        quota_allowance=quota_allowance,
        created_at=conn.now,
    )
    return group


def list_groups(conn: Connection, organization_id: OrganizationId) -> list[Group]:
    """The groups of an organization, by name."""
    return conn.records(Group, _GROUPS, organization=organization_id)


def groups_of_user(conn: Connection, user_id: UserId, organization_id: OrganizationId) -> list[Group]:
    """The groups whose allowances count for the user there, by name."""
    return conn.records(Group, GROUPS_OF_USER, user=user_id, organization=organization_id)


def group_by_name(conn: Connection, organization_id: OrganizationId, name: str) -> Group | None:
    """The group of that name, compared without case."""
    return conn.record(Group, _GROUP_BY_NAME, organization=organization_id, name=name)


def add_to_group(conn: Connection, group_id: GroupId, user_id: UserId) -> None:
    """Make a user member of a group.

    Raises:
        Conflict: it is one already.
    """
    conn.run(_INSERT_GROUP_MEMBER, group=group_id, user=user_id)


def remove_from_group(conn: Connection, group_id: GroupId, user_id: UserId) -> None:
    """End a membership, if there is one."""
    conn.run(_DELETE_GROUP_MEMBER, group=group_id, user=user_id)


def set_allowance(conn: Connection, group_id: GroupId, allowance: int) -> None:
    """Set how many credits a day the group adds to the budget of each member.

    Raises:
        NotFound: no such group.
        RequestError: no group may have that allowance.
    """
    if not conn.run(_SET_ALLOWANCE, group=group_id, allowance=allowances.checked(allowance)):
        raise NotFound
