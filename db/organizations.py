"""Organizations by name or id, and who belongs to them with which roles."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sqlalchemy import bindparam, delete, insert, select, update

from db import ids, users
from db.errors import NotFound, RequestError
from db.records import Organization
from db.tables import group_members, groups, organization_members, organizations, workspaces
from db.tables import users as user_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import OrganizationId, UserId
    from db.transactions import Connection


@dataclass(frozen=True, kw_only=True)
class Member:
    """A user in an organization."""

    user_id: UserId
    username: str
    organization_id: OrganizationId
    roles: Sequence[str]


_ORGANIZATION = select(organizations.c.id, organizations.c.name, organizations.c.display_name)
_BY_ID = _ORGANIZATION.where(organizations.c.id == bindparam("id"))
_ALL = _ORGANIZATION.order_by(organizations.c.name).limit(bindparam("most"))
_OF_USER = (
    _ORGANIZATION.join(organization_members, organization_members.c.organization_id == organizations.c.id)
    .where(organization_members.c.user_id == bindparam("user"))
    .order_by(organizations.c.name)
)
_MEMBERS = select(
    organization_members.c.user_id,
    user_table.c.username,
    organization_members.c.organization_id,
    organization_members.c.roles,
).join(user_table, user_table.c.id == organization_members.c.user_id)
_OF_ORGANIZATION = (
    _MEMBERS.where(organization_members.c.organization_id == bindparam("organization"), ~user_table.c.deleted)
    .order_by(user_table.c.username)
    .limit(bindparam("most"))
    .offset(bindparam("skipped"))
)
_MEMBER = _MEMBERS.where(
    organization_members.c.organization_id == bindparam("organization"),
    organization_members.c.user_id == bindparam("user"),
)
_ADD = insert(organization_members).values(
    organization_id=bindparam("organization"), user_id=bindparam("user"), roles=bindparam("new_roles")
)
_SET_ROLES = (
    update(organization_members)
    .where(
        organization_members.c.organization_id == bindparam("organization"),
        organization_members.c.user_id == bindparam("user"),
    )
    .values(roles=bindparam("new_roles"))
)
_REMOVE = delete(organization_members).where(
    organization_members.c.organization_id == bindparam("organization"),
    organization_members.c.user_id == bindparam("user"),
)
_LEAVE_GROUPS = delete(group_members).where(
    group_members.c.user_id == bindparam("user"),
    group_members.c.group_id.in_(
        select(groups.c.id).where(groups.c.organization_id == bindparam("organization"))
    ),
)
_OWNS_WORKSPACES = (
    select(workspaces.c.id)
    .where(
        workspaces.c.owner_id == bindparam("user"),
        workspaces.c.organization_id == bindparam("organization"),
        ~workspaces.c.deleted,
    )
    .limit(1)
)


def organization(conn: Connection, reference: str) -> Organization:
    """The organization of that name or id.

    Raises:
        NotFound: there is none.
    """
    try:
        found = conn.record(Organization, _BY_ID, id=ids.OrganizationId(UUID(reference)))
    except ValueError:
        found = None
    # A name may look like an id.
    found = found or users.organization_by_name(conn, reference)
    if found is None:
        raise NotFound
    return found


def create_with_member(
    conn: Connection, name: str, user_id: UserId, *, display_name: str = ""
) -> Organization:
    """A new organization with its Everyone group and one member, who administrates it.

    Raises:
        Conflict: the name is taken.
    """
    created = users.create_organization(conn, name, display_name=display_name)
    conn.run(_ADD, organization=created.id, user=user_id, new_roles=["organization-admin"])
    return created


def listed(conn: Connection, *, limit: int) -> list[Organization]:
    """All organizations, by name."""
    return conn.records(Organization, _ALL, most=limit)


def of_user(conn: Connection, user_id: UserId) -> list[Organization]:
    """The organizations that a user belongs to, by name."""
    return conn.records(Organization, _OF_USER, user=user_id)


def members(conn: Connection, organization_id: OrganizationId, *, limit: int, offset: int) -> list[Member]:
    """The living members of an organization, by name."""
    return conn.records(Member, _OF_ORGANIZATION, organization=organization_id, most=limit, skipped=offset)


def member(conn: Connection, organization_id: OrganizationId, user_id: UserId) -> Member:
    """A user in an organization.

    Raises:
        NotFound: it is no member.
    """
    found = conn.record(Member, _MEMBER, organization=organization_id, user=user_id)
    if found is None:
        raise NotFound
    return found


def add_member(conn: Connection, organization_id: OrganizationId, user_id: UserId) -> Member:
    """Make a user a member without roles.

    Raises:
        Conflict: it is one already.
    """
    conn.run(_ADD, organization=organization_id, user=user_id, new_roles=[])
    return member(conn, organization_id, user_id)


def set_member_roles(
    conn: Connection, organization_id: OrganizationId, user_id: UserId, roles: Sequence[str]
) -> Member:
    """Give a member other roles.

    Raises:
        NotFound: it is no member.
    """
    conn.run(_SET_ROLES, organization=organization_id, user=user_id, new_roles=sorted(set(roles)))
    return member(conn, organization_id, user_id)


def remove_member(conn: Connection, organization_id: OrganizationId, user_id: UserId) -> None:
    """End a membership, and those of the organization's groups.

    Raises:
        NotFound: it is no member.
        RequestError: 409, it has workspaces there, which nobody would answer for.
    """
    member(conn, organization_id, user_id)
    if conn.first(_OWNS_WORKSPACES, organization=organization_id, user=user_id) is not None:
        raise RequestError(409, "The member has workspaces in this organization; delete them first.")
    conn.run(_LEAVE_GROUPS, organization=organization_id, user=user_id)
    conn.run(_REMOVE, organization=organization_id, user=user_id)
