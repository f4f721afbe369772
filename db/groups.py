"""Groups as the HTTP API shows and changes them, with their members."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlalchemy import bindparam, func, select, update

from db import users
from db.errors import NotFound, RequestError
from db.records import Group
from db.tables import group_members, groups, organization_members
from db.tables import users as user_table

if TYPE_CHECKING:
    from collections.abc import Sequence

    from db.ids import GroupId, OrganizationId, UserId
    from db.transactions import Connection

#: How many members a group is shown with; ``total`` always counts all.
SHOWN_MEMBERS = 1000

_BY_ID = select(
    groups.c.id, groups.c.organization_id, groups.c.name, groups.c.display_name, groups.c.quota_allowance
).where(groups.c.id == bindparam("group"))
_CHANGE = (
    update(groups)
    .where(groups.c.id == bindparam("group"))
    .values(
        name=func.coalesce(bindparam("new_name", type_=groups.c.name.type), groups.c.name),
        display_name=func.coalesce(
            bindparam("new_display_name", type_=groups.c.display_name.type), groups.c.display_name
        ),
        quota_allowance=func.coalesce(
            bindparam("allowance", type_=groups.c.quota_allowance.type), groups.c.quota_allowance
        ),
    )
)
# Members of Everyone are those of its organization, whose id it has.
_MEMBERSHIPS = (
    select(group_members.c.group_id, group_members.c.user_id)
    .union_all(
        select(organization_members.c.organization_id.label("group_id"), organization_members.c.user_id)
    )
    .subquery()
)
_MEMBERS = (
    select(_MEMBERSHIPS.c.group_id, user_table.c.id, user_table.c.username)
    .join(_MEMBERSHIPS, _MEMBERSHIPS.c.user_id == user_table.c.id)
    .where(_MEMBERSHIPS.c.group_id == bindparam("group"), ~user_table.c.deleted)
    .order_by(user_table.c.username)
    .limit(SHOWN_MEMBERS)
)
_COUNTS = (
    select(_MEMBERSHIPS.c.group_id, func.count().label("members"))
    .join(user_table, user_table.c.id == _MEMBERSHIPS.c.user_id)
    .where(
        _MEMBERSHIPS.c.group_id.in_(
            select(groups.c.id).where(groups.c.organization_id == bindparam("organization"))
        ),
        ~user_table.c.deleted,
    )
    .group_by(_MEMBERSHIPS.c.group_id)
)


def group(conn: Connection, group_id: GroupId) -> Group:
    """The group.

    Raises:
        NotFound: there is none.
    """
    found = conn.record(Group, _BY_ID, group=group_id)
    if found is None:
        raise NotFound
    return found


def members(conn: Connection, group_id: GroupId) -> list[tuple[UserId, str]]:
    """Ids and names of a group's living members, by name; at most ``SHOWN_MEMBERS``."""
    return [(row.id, row.username) for row in conn.rows(_MEMBERS, group=group_id)]


def member_counts(conn: Connection, organization_id: OrganizationId) -> dict[GroupId, int]:
    """How many living members each group of an organization has; groups without any are absent."""
    return {row.group_id: row.members for row in conn.rows(_COUNTS, organization=organization_id)}


def change(
    conn: Connection,
    group_id: GroupId,
    *,
    name: str | None = None,
    display_name: str | None = None,
    quota_allowance: int | None = None,
    add: Sequence[UserId] = (),
    remove: Sequence[UserId] = (),
) -> None:
    """Change what is given, all or nothing.

    Raises:
        NotFound: there is no such group.
        Conflict: the name is taken.
        RequestError: 400, Everyone's name or members were to be changed, or a user is no member of the
            organization.
    """
    found = group(conn, group_id)
    if found.is_everyone and (name is not None or add or remove):
        raise RequestError(
            400, f"The members of {found.name} are those of the organization, and its name is fixed."
        )
    conn.run(_CHANGE, group=group_id, new_name=name, new_display_name=display_name, allowance=quota_allowance)
    for user_id in remove:
        users.remove_from_group(conn, group_id, user_id)
    for user_id in add:
        counting = users.groups_of_user(conn, user_id, found.organization_id)
        if not any(each.is_everyone for each in counting):
            raise RequestError(400, "Only members of the organization can be in its groups.")
        if all(each.id != group_id for each in counting):
            users.add_to_group(conn, group_id, user_id)
